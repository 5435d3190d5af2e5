// What a file is, told from its content: the readers in the order in which they are asked, then the logs.

import { CONFIG_HANDLERS, CONFIG_READERS } from "../readers/config/index.ts";
import { EC2_READER } from "../readers/ec2/index.ts";
import { KUBERNETES_HANDLERS, KUBERNETES_READERS } from "../readers/kubernetes/index.ts";
import { type LogKind, looksLikeLog } from "../readers/logs/index.ts";
import { NODE_READERS } from "../readers/node/index.ts";
import { objectsReader } from "../readers/objects.ts";
import type { FileReader, Sniff } from "../readers/reader.ts";

/** Most specific first; the first that recognises a file reads it. */
export const FILE_READERS: readonly FileReader[] = [
  EC2_READER,
  objectsReader({ ...CONFIG_HANDLERS, ...KUBERNETES_HANDLERS }),
  ...CONFIG_READERS,
  ...KUBERNETES_READERS,
  ...NODE_READERS,
];

const AGENT_LINE =
  /^[\uFEFF\s]*(?:\{"level":"[a-z]+","ts":"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z \[(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL|PANIC)\])/;

export type Recognised =
  | { readonly kind: "file"; readonly reader: FileReader }
  | { readonly kind: "log"; readonly logKind: LogKind }
  | undefined;

export function recognise(sniff: Sniff, readers: readonly FileReader[]): Recognised {
  const logKind = looksLikeLog(sniff);
  // A log quotes settings, objects and answers: what begins with a line of the agent's is a log, whatever else stands in it.
  if (logKind !== undefined && AGENT_LINE.test(sniff.head)) return { kind: "log", logKind };
  const reader = readers.find((one) => one.recognises(sniff));
  if (reader !== undefined) return { kind: "file", reader };
  return logKind === undefined ? undefined : { kind: "log", logKind };
}

const PACKED: readonly { readonly name: string; readonly magic: readonly number[]; readonly unpack: string }[] = [
  { name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], unpack: "xz -dk" },
  { name: "bzip2", magic: [0x42, 0x5a, 0x68], unpack: "bzip2 -dk" },
  { name: "zip", magic: [0x50, 0x4b, 0x03, 0x04], unpack: "unzip" },
  { name: "zstd", magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: "zstd -dk" },
  { name: "7z", magic: [0x37, 0x7a, 0xbc, 0xaf], unpack: "7z x" },
];

export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** A form of packing that is known but not read. */
export function otherPacking(head: Uint8Array): { readonly name: string; readonly unpack: string } | undefined {
  return PACKED.find(({ magic }) => magic.every((byte, index) => head[index] === byte));
}
