// From paths to facts: what was given is walked, recognised by content, read, and joined to one set of facts. The only part of
// the doctor that opens files. It writes nothing, and whatever comes, it answers: what could not be read is named.

import { mergeFacts, resolveNodes } from "../facts/merge.ts";
import type { Facts, FactsPart } from "../facts/model.ts";
import { terraformReader } from "../readers/config/index.ts";
import { distinctEvents, eventSightings } from "../readers/kubernetes/index.ts";
import type { TimelineReader } from "../readers/logs/timeline.ts";
import type { FileReader, TextFile } from "../readers/reader.ts";
import { type Bounds, DEFAULT_BOUNDS } from "./bounds.ts";
import type { Bytes } from "./byte-stream.ts";
import { walk } from "./disk.ts";
import { type LogSource, unknownFiles } from "./findings.ts";
import { loadHcl } from "./hcl.ts";
import { type LogReaderFor, logSets, readLogSet } from "./log-sets.ts";
import { Meter } from "./meter.ts";
import { FILE_READERS } from "./recognise.ts";
import { joinSameThings } from "./same-things.ts";
import { type Input, visitInput } from "./visit.ts";
import { wholeSubnets } from "./whole-subnets.ts";

export interface CollectProgress {
  readonly done: number;
  readonly total: number;
  /** What was read last. */
  readonly file: string;
  /** Of the files on disk, packed as they are; a large one moves them while it is read. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface CollectOptions {
  /** Files, folders, archives; `-` is stdin. */
  readonly paths: readonly string[];
  /** A folder of answers of the AWS CLI. */
  readonly ec2Folder?: string | undefined;
  /** Facts from elsewhere: the facts file, a live cluster, live EC2. Those given here come first. */
  readonly parts?: readonly FactsPart[] | undefined;
  readonly onProgress?: ((progress: CollectProgress) => void) | undefined;
  /** Aborted: `collect` rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  readonly bounds?: Partial<Bounds> | undefined;
  readonly stdin?: Bytes | undefined;
  /** Gets the bytes of every log, too. */
  readonly timeline?: TimelineReader | undefined;
  readonly readers?: readonly FileReader[] | undefined;
  /** Reads a set of logs instead of the doctor's own reader. undefined: such logs are left unread. */
  readonly logReader?: LogReaderFor | undefined;
}

/** Files read side by side: unpacking has threads of its own, reading has one. */
const SIDE_BY_SIDE = 2;

export async function collect(options: CollectOptions): Promise<Facts> {
  const { signal, onProgress } = options;
  const bounds = { ...DEFAULT_BOUNDS, ...options.bounds };
  const readers = options.readers ?? [terraformReader(await loadHcl()), ...FILE_READERS];
  const parts: FactsPart[] = [...(options.parts ?? [])];
  const inputs: Input[] = [];
  for (const path of [...options.paths, ...(options.ec2Folder === undefined ? [] : [options.ec2Folder])]) {
    if (path === "-") inputs.push({ path: "stdin", node: undefined, inside: undefined, reopen: undefined });
    else {
      const { files, unread } = await walk(path);
      inputs.push(...files);
      if (unread.length > 0) parts.push({ unread });
    }
  }
  let done = 0;
  const meter = new Meter(inputs);
  const tell = (file: string): void => onProgress?.({ done, total: inputs.length, file, ...meter.state });
  // A timeline takes one file at a time.
  const width = options.timeline === undefined ? SIDE_BY_SIDE : 1;
  const visited = await inTurns(inputs, width, async (given) => {
    const input = meter.metered(given, () => tell(given.path));
    const source = input.reopen?.() ?? (input.path === "stdin" ? stdinOf(options) : fileOnce(input.path));
    const { timeline, logReader } = options;
    const found = await visitInput(input, source, { bounds, readers, signal, timeline, logReader });
    // Logs of an archive are held in memory: they are read before the next archive is opened.
    const isHeld = found.logs.some((log) => log.path.includes("!"));
    const logParts = isHeld ? await readLogs(found.logs.splice(0), options) : [];
    done++;
    tell(input.path);
    return { found, logParts };
  });
  const together = new Map<FileReader, TextFile[]>();
  const logs: LogSource[] = [];
  const unknown: string[] = [];
  let uselessCount = 0;
  for (const { found, logParts } of visited) {
    parts.push(...found.parts, ...logParts, { unread: found.unread });
    for (const { reader, file } of found.together) {
      const files = together.get(reader);
      if (files === undefined) together.set(reader, [file]);
      else files.push(file);
    }
    logs.push(...found.logs);
    unknown.push(...found.unknown);
    uselessCount += found.uselessCount;
  }
  for (const [reader, files] of together) parts.push(reader.readTogether?.(files) ?? {});
  parts.push(...(await readLogs(logs, options)), { unread: unknownFiles(unknown) });
  if (uselessCount > 0)
    parts.push({ read: [{ file: "bundles", kind: `${uselessCount} files of bundles not needed` }] });
  return settled(parts);
}

/** What all parts say together: each thing once, each node by one name. */
export function settled(parts: readonly FactsPart[]): Facts {
  const merged = mergeFacts(parts);
  const told = mergeFacts([merged, eventSightings(merged.events)]);
  const facts = joinSameThings({ ...told, events: distinctEvents(merged.events) });
  const { whole, unread } = wholeSubnets(facts);
  return resolveNodes({ ...facts, wholeSubnets: whole, unread: [...facts.unread, ...unread] });
}

async function readLogs(logs: readonly LogSource[], options: CollectOptions): Promise<FactsPart[]> {
  const parts: FactsPart[] = [];
  for (const set of logSets(logs)) parts.push(await readLogSet(set, options));
  return parts;
}

function stdinOf(options: CollectOptions): Bytes {
  return options.stdin ?? (Bun.stdin.stream() as unknown as Bytes);
}

function fileOnce(path: string): Bytes {
  return Bun.file(path).stream() as unknown as Bytes;
}

/** Results in the order of the items, `width` of them in work at a time. */
async function inTurns<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index] as T);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
