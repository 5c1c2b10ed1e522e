/** Holds requests that cannot be verified to their pace, before their bodies are read. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, unverified } from '../../core/errors.ts'
import { createUnverified, type Pace } from '../../core/unverified.ts'
import type { Observe } from '../../pipeline/fact.ts'
import { sendError } from '../errors.ts'

export interface GateDeps {
  /** Asked once for each request; null where nothing is limited. */
  readonly unverifiedPace: () => Pace | null
  /** Whether nobody has this address on the internet. */
  readonly isNear: (address: string) => boolean
  readonly now: () => number
  readonly observe: Observe
}

export interface Gate {
  /** Lets a request in, or answers it. `isVouched`: whether signed requests are known to come from its address. */
  admit(
    request: FastifyRequest,
    reply: FastifyReply,
    address: string,
    mayVerify: boolean,
    isVouched: () => boolean,
  ): boolean
  /** Answers with an error; one that only unverified requests get costs their address something. */
  refuse(request: FastifyRequest, reply: FastifyReply, code: ErrorCode): FastifyReply
  /** For what never became a request. False where the address has to wait. */
  failed(address: string): boolean
  verified(address: string): void
  /** Whether a verified request came from there. */
  knows(address: string): boolean
}

/** What a refused request was for, as the log and the metrics name it. */
export function targetOf(request: FastifyRequest): string {
  const { params } = request
  const source = typeof params === 'object' && params !== null && 'source' in params ? params.source : ''
  return typeof source === 'string' ? source : ''
}

// A few megabytes at the most. Failures and good standing are apart: the one cannot push out the other.
const REMEMBERED = { failing: 10_000, standing: 10_000 }
const NOTHING_KNOWN = { mayVerify: false, vouched: false }

export function createGate({ unverifiedPace, isNear, now, observe }: GateDeps): Gate {
  const addresses = createUnverified(REMEMBERED)

  return {
    admit(request, reply, address, mayVerify, isVouched) {
      const pace = unverifiedPace()
      // Most have nothing against them, and nobody need vouch for those.
      if (pace === null || addresses.wait(address, NOTHING_KNOWN, pace, now()) === 0) return true
      const known = { mayVerify, vouched: mayVerify && (isVouched() || isUntoldProxy(request, isNear)) }
      const wait = addresses.wait(address, known, pace, now())
      if (wait === 0) return true
      observe({ kind: 'rejected', source: targetOf(request), code: 'rate_limited', address })
      // The body was not read: the connection cannot be used again.
      reply.header('connection', 'close')
      sendError(reply, 'rate_limited', {}, Math.ceil(wait / 1000))
      return false
    },
    refuse(request, reply, code) {
      if (unverified.has(code)) this.failed(request.ip)
      return sendError(reply, code)
    },
    failed(address) {
      const pace = unverifiedPace()
      if (pace === null) return true
      const may = addresses.wait(address, NOTHING_KNOWN, pace, now()) === 0
      addresses.failed(address, pace, now())
      return may
    },
    verified(address) {
      addresses.verified(address)
    },
    knows(address) {
      return addresses.stands(address)
    },
  }
}

/**
 * A machine nearby that says for whom it forwards, and is not trusted: a proxy that `trust_proxy` does not list. All
 * the world then has its one address, the sender among them.
 */
function isUntoldProxy(request: FastifyRequest, isNear: GateDeps['isNear']): boolean {
  const peer = request.socket.remoteAddress
  if (request.headers['x-forwarded-for'] === undefined || peer === undefined || peer !== request.ip)
    return false
  return isNear(peer)
}
