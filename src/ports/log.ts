// The agent's log: one JSON line per record. The level threshold is the driver's.

import type { LogLevel } from "../ipam/settings.ts";

export interface LogRecord {
  readonly level: LogLevel;
  /** `folder/file.ts` of the code that speaks. */
  readonly caller: string;
  readonly message: string;
}

export interface Log {
  readonly level: LogLevel;
  /** Never throws: a log that cannot be written must not stop a node's pods. */
  write(record: LogRecord): void;
  /** Everything written so far is with the operating system when it resolves. */
  flush(): Promise<void>;
}
