// Files and unix sockets one after the other, for a process that asks one question and ends: every call waits.

/** A call that the kernel refused. `code`: its errno's name, such as ENOENT; EAGAIN when the time was over. */
export class IoError extends Error {
  override readonly name = "IoError";
  readonly code: string;

  constructor(what: string, code: string) {
    super(`${what}: ${code}`);
    this.code = code;
  }
}

/** Every method throws `IoError`. Times are real ones; one below a millisecond is a millisecond. */
export interface BlockingIo {
  /** Up to the end of the file or pipe, `limit` bytes at most. */
  readAll(fd: number, limit: number): Uint8Array;
  /** A pipe that does not wait and stays full for seconds is EAGAIN. */
  writeAll(fd: number, bytes: Uint8Array): void;
  /** Makes the file when it is not there, but no folder. A pipe that nobody reads is ENXIO. Returns the descriptor. */
  openForAppend(path: string): number;
  /** Of an open file, in bytes; 0 of a pipe. */
  size(fd: number): number;
  close(fd: number): void;
  /** Ends the process at once, with nothing of the runtime's own put away. */
  exit(status: number): never;
  /** Returns the descriptor of a stream socket. */
  connectUnix(path: string, timeoutMs: number): number;
  /** Waits until some bytes are taken; returns how many. */
  send(fd: number, bytes: Uint8Array, timeoutMs: number): number;
  /** Waits for some bytes; returns how many, 0 at the end. */
  receive(fd: number, buffer: Uint8Array, timeoutMs: number): number;
}
