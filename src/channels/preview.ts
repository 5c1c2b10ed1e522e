/** The part of a channel that shows its messages to their author: on a page, or sent to an address of his own. */

export interface ChannelPreview<Settings = unknown, Receiver = unknown, Message = unknown> {
  /**
   * The message as its reader sees it, as HTML within one element; the page loads nothing from elsewhere and runs
   * no script. No value of the message can end its element. Pure.
   */
  toHtml(message: Message, context: PreviewContext<Settings>): string
  /** The style sheet of what `toHtml` writes, for light and dark; every rule is about an element of the channel's. */
  readonly css: string
  /** The message, marked as a preview where its reader sees it first. Pure. */
  withPreviewBanner(message: Message): Message
  /** The receiver's settings for an address that a person typed, such as `#test`; or what is wrong with it. Pure. */
  receiverAt(address: string, settings: Settings | undefined): ReceiverAt<Receiver>
}

export interface PreviewContext<Settings = unknown> {
  readonly settings: Settings | undefined
  /** Where the message goes; null where no receiver says. */
  readonly target: string | null
  /** The time of the preview, in milliseconds, and an IANA time zone to show it in. */
  readonly now: number
  readonly timeZone: string
}

export type ReceiverAt<Receiver> =
  | { readonly ok: true; readonly receiver: Receiver }
  | { readonly ok: false; readonly reason: string }
