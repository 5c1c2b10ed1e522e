/** Whether a file begins like UTF-16 as written by Windows programs, such as PowerShell's `>`. */
export function isUtf16(bytes: Uint8Array): boolean {
  const [first, second] = bytes
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
}
