// The versions of the CNI protocol that are spoken, and what each of them has.

export const SUPPORTED_VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type CniVersion = (typeof SUPPORTED_VERSIONS)[number];

export const LATEST_VERSION: CniVersion = "1.1.0";

export const COMMANDS = ["ADD", "DEL", "CHECK", "STATUS", "GC"] as const;
export type Command = (typeof COMMANDS)[number];

/** The version that brought a command. */
const SINCE: { readonly [C in Command]: CniVersion } = {
  ADD: "0.3.0",
  DEL: "0.3.0",
  CHECK: "0.4.0",
  STATUS: "1.1.0",
  GC: "1.1.0",
};

export function parseVersion(text: string): CniVersion | undefined {
  return SUPPORTED_VERSIONS.find((version) => version === text);
}

export function firstVersionOf(command: Command): CniVersion {
  return SINCE[command];
}

export function isAtLeast(version: CniVersion, other: CniVersion): boolean {
  return SUPPORTED_VERSIONS.indexOf(version) >= SUPPORTED_VERSIONS.indexOf(other);
}
