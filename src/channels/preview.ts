/** The part of a channel that shows messages to their author: on a page, or sent to the author's own address. */

export interface ChannelPreview<Settings = unknown, Receiver = unknown, Message = unknown> {
  /**
   * The message as HTML within one element, as its reader sees it. The page loads nothing from elsewhere and runs
   * no script. No value of the message can end its element. Pure.
   */
  toHtml(message: Message, context: PreviewContext<Settings>): string
  /** The style sheet for the output of `toHtml`, light and dark; every rule applies only to elements of this channel. */
  readonly css: string
  /** The message, with a mark at its top that it is a preview. Pure. */
  withPreviewBanner(message: Message): Message
  /** The receiver's settings for an address that a person typed, such as `#test`; or what is wrong with it. Pure. */
  receiverAt(address: string, settings: Settings | undefined): ReceiverAt<Receiver>
}

export interface PreviewContext<Settings = unknown> {
  readonly settings: Settings | undefined
  /** Where the message goes; null if no receiver determines it. */
  readonly target: string | null
  /** The time of the preview, in milliseconds, and an IANA time zone to show it in. */
  readonly now: number
  readonly timeZone: string
}

export type ReceiverAt<Receiver> =
  | { readonly ok: true; readonly receiver: Receiver }
  | { readonly ok: false; readonly reason: string }
