// The log messages of the engine: the texts of the reference where it has one (ipamd.md 9.6), so that tools read both.
// An effect carries the id and the arguments; the body formats, and only when the line is written.

export const MESSAGES = {} as const;
export type MessageId = string;
export type MessageArgument = string | number;
