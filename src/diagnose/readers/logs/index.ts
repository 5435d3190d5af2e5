// The log reader: agent, plugin, container and kubelet logs of all eras, and texts that people paste.

import type { LogReader } from "../reader.ts";
import { LogFacts, type LogReaderOptions } from "./log-facts.ts";

export type { LogReaderOptions } from "./log-facts.ts";
export { type LogKind, looksLikeLog } from "./sniff-log.ts";
export { createTimelineReader, type TimelineLine, type TimelineReader } from "./timeline.ts";

/** One reader for the logs of one kind of one node; a pasted text is a set of its own. Never throws, whatever bytes come. */
export function createLogReader(options: LogReaderOptions): LogReader {
  return new LogFacts(options);
}
