/** Why there is no token, or why the mail server does not accept it, as shown to the operator. */
/** What is wrong, and what to do about it. */
export interface Explanation {
  /** The code of the doctor's finding. */
  readonly code: string
  readonly summary: string
  readonly hint: string
}

export interface LoginProblem extends Explanation {
  /** park: only a person can help. retry: it may pass. */
  readonly kind: 'park' | 'retry'
  /** Milliseconds that the token server asked to wait. */
  readonly after?: number
  /** What the remote said, without secrets. */
  readonly reason: string
}
