// Only a test that fails waits that long, on a machine however busy.
const PATIENCE_MS = 60_000
// What takes long is asked for less often: to ask may take a processor that the awaited needs.
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 100
const GROWTH = 1.25

/** Resolves when the condition holds; fails with `what` when it does not within the time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (let pause = FIRST_PAUSE_MS; !(await condition()); pause = Math.min(pause * GROWTH, LONGEST_PAUSE_MS)) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}
