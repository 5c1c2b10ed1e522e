/** The filter for amounts in the smallest unit of their currency, as most senders have them. */
import type { Liquid } from 'liquidjs'
import { grouped } from './summary/fact.ts'

const AMOUNT = /^(-?)(\d{1,30})$/
const CODE = /^[a-z]{3}$/i

/** `{{ 2499875 | money: "dkk" }}` is `24,998.75 DKK`. What is no whole number, or has no currency, stays as it is. */
export function registerMoney(liquid: Liquid): void {
  liquid.registerFilter('money', (value: unknown, currency: unknown) => {
    const [, minus, digits] = AMOUNT.exec(String(value)) ?? []
    if (digits === undefined || typeof currency !== 'string' || !CODE.test(currency)) return value
    const decimals = decimalsOf(currency)
    const padded = digits.padStart(decimals + 1, '0')
    const whole = padded.slice(0, padded.length - decimals).replace(/^0+(?=\d)/, '')
    const fraction = decimals === 0 ? '' : `.${padded.slice(-decimals)}`
    return `${minus}${grouped(whole)}${fraction} ${currency.toUpperCase()}`
  })
}

/** 0 for the yen, 3 for the dinar of Kuwait. */
function decimalsOf(currency: string): number {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency })
  return format.resolvedOptions().maximumFractionDigits ?? 2
}
