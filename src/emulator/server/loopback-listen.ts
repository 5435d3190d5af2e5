// Which addresses the emulator may listen on, and what to say when it cannot.

import { isLoopbackHost } from "./control.ts";

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Cannot start: `message` says what is wrong and what to do next, for the user. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/** `host:port`, `[::1]:port`, `:port` or a port alone; undefined for anything else. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]*)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? (match[2] === undefined || match[2] === "" ? "127.0.0.1" : match[2]), port };
}

/** Throws `ListenError` for a host that others can reach, unless that is wanted; returns the warning that it then deserves. */
export function checkListenHost(host: string, allowNonLoopback: boolean): string | undefined {
  if (isLoopbackHost(host)) return undefined;
  if (!allowNonLoopback) {
    throw new ListenError(
      `${host} is not a loopback address, and the emulator accepts any signature. ` +
        "Listen on 127.0.0.1, or pass --allow-non-loopback when this network is trusted.",
    );
  }
  return (
    `warning: listening on ${host}: everyone who can reach it can change the emulated VPC and read its metadata; ` +
    "signatures are not checked. The control endpoint stays loopback-only."
  );
}

export function describeListenFailure(error: unknown, listen: ListenAddress): ListenError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const where = `${listen.host}:${listen.port}`;
  if (code === "EADDRINUSE") {
    return new ListenError(
      `${where} is in use, perhaps by another emulator. Stop that one, or choose a port with --listen ${listen.host}:PORT ` +
        "(0 for any free one).",
    );
  }
  if (code === "EACCES") {
    return new ListenError(`no permission to listen on ${where}. Choose a port above 1023 with --listen.`);
  }
  return new ListenError(
    `cannot listen on ${where}: ${error instanceof Error ? error.message : String(error)}. ` +
      "Give an address of this machine with --listen HOST:PORT.",
  );
}
