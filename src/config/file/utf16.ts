/** Whether a file starts as Windows programs write UTF-16, PowerShell's `>` among them. */
export function isUtf16(bytes: Uint8Array): boolean {
  const [first, second] = bytes
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
}
