import type { Addressed } from '../../src/channels/channel.ts'

/** The rest of a delivery that belongs to no conversation, and was not attempted before. */
export const alone: Pick<Addressed, 'follows' | 'unanswered'> = { follows: null, unanswered: null }
