// One input from outside in: packed or not, an archive or one file, down to the reader that knows it. Archives are gone through
// as streams, within bounds; nothing is written.

import type { NodeKey } from "../facts/model.ts";
import { beginsEvents, type FencedPaste, fencedPaste, pastedEvents } from "../readers/fences.ts";
import type { TimelineReader } from "../readers/logs/timeline.ts";
import type { FileReader } from "../readers/reader.ts";
import { BoundReached, type Bounds, Spent } from "./bounds.ts";
import { type Bytes, bytesOf, gathered, gunzipped, type Peeked, peek } from "./byte-stream.ts";
import { decoded, decodedHead, isBinary } from "./decode.ts";
import { failureText } from "./failure-text.ts";
import { Findings } from "./findings.ts";
import { firstTimeIn, type LogReaderFor, readLogSet } from "./log-sets.ts";
import {
  archiveNode,
  bundleFolder,
  bundlePlace,
  isBundleMark,
  isBundleName,
  isUsefulLog,
  nodeFolders,
  nodeOfPath,
} from "./node-of.ts";
import { isGzip, otherPacking, recognise } from "./recognise.ts";
import { isTar, type TarNotes, tarMembers } from "./tar-members.ts";

/** By so much of its beginning a file is recognised. */
export const SNIFF_LENGTH = 64 * 1024;

export interface Input {
  /** As reports show it. */
  readonly path: string;
  /** The node that the place of the file tells. */
  readonly node: NodeKey | undefined;
  /** Path from the root of the unpacked bundle it lies in; undefined outside of bundles. */
  readonly inside: string | undefined;
  /** undefined: it can be read once, as stdin. */
  readonly reopen: (() => Bytes) | undefined;
}

export interface VisitOptions {
  readonly bounds: Bounds;
  readonly readers: readonly FileReader[];
  readonly signal?: AbortSignal | undefined;
  readonly timeline?: TimelineReader | undefined;
  readonly logReader?: LogReaderFor | undefined;
}

/** Where a file lies within its input. */
interface Place {
  readonly path: string;
  readonly node: NodeKey | undefined;
  readonly inside: string | undefined;
  readonly depth: number;
  /** The archive around it; undefined at the top. */
  readonly archive: { readonly path: string; isBundle: boolean } | undefined;
  readonly reopen: (() => Bytes) | undefined;
}

/** Rejects only when `signal` aborts: everything else becomes part of what was found. */
export async function visitInput(input: Input, source: Bytes, options: VisitOptions): Promise<Findings> {
  const visit = new Visit(input, options);
  await visit.at({ ...input, depth: 0, archive: undefined }, source);
  return visit.found;
}

class Visit {
  readonly found = new Findings();
  readonly #input: Input;
  readonly #options: VisitOptions;
  readonly #spent: Spent;
  #heldBytes = 0;

  constructor(input: Input, options: VisitOptions) {
    this.#input = input;
    this.#options = options;
    this.#spent = new Spent(options.bounds);
  }

  async at(place: Place, source: Bytes): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const peeked = await peek(source, SNIFF_LENGTH);
    const { head } = peeked;
    if (isGzip(head) || isTar(head)) {
      if (place.depth < this.#options.bounds.depthMax) await this.#packed(place, peeked);
      else this.#unread(place.path, `lies more than ${this.#options.bounds.depthMax} archives deep: it is not read`);
    } else await this.#leaf(place, peeked);
    await peeked.close();
  }

  async #packed(place: Place, peeked: Peeked): Promise<void> {
    const depth = place.depth + 1;
    try {
      if (isTar(peeked.head)) return await this.#tar({ ...place, depth }, peeked.rest);
      const { archive } = place;
      if (archive === undefined) {
        const { reopen } = place;
        const again = reopen === undefined ? undefined : () => gunzipped(reopen(), this.#spent);
        return await this.at({ ...place, depth, reopen: again }, gunzipped(peeked.rest, this.#spent));
      }
      // A packed member is small: held as it is, it can be read again, when its turn among the rotated logs comes.
      const held = await gathered(peeked.rest, this.#options.bounds.heldBytesMax);
      const again = (): Bytes => gunzipped(bytesOf(held), this.#spent);
      await this.at({ ...place, depth, reopen: again }, again());
    } catch (error) {
      this.#failed(place.path, error);
    }
  }

  async #tar(place: Place, source: Bytes): Promise<void> {
    const notes: TarNotes = { linkCount: 0, outside: [] };
    const archive = { path: place.path, isBundle: isBundleName(place.path) };
    const unknownBefore = this.found.unknown.length;
    const folders = new ArchiveFolders();
    try {
      for await (const member of tarMembers(source, this.#spent, notes)) {
        const path = `${place.path}!${member.name}`;
        if (isBundleMark(member.name)) archive.isBundle = true;
        if (archive.isBundle && bundlePlace(member.name) === "useless") {
          this.found.uselessCount++;
          continue;
        }
        const isOfBundle = archive.isBundle || bundlePlace(member.name) === "useful";
        const node =
          nodeOfPath(path) ??
          place.node ??
          folders.nodeOf(member.name) ??
          (isOfBundle ? archiveNode(place.path) : undefined);
        await this.at(
          { path, node, inside: member.name, depth: place.depth, archive, reopen: undefined },
          member.bytes,
        );
      }
    } finally {
      if (archive.isBundle) this.found.uselessCount += this.found.unknown.splice(unknownBefore).length;
      if (notes.linkCount > 0) this.#unread(place.path, `${notes.linkCount} links and devices in it are not followed`);
      for (const name of notes.outside.slice(0, 3))
        this.#unread(place.path, `its member ${name} leads out of the archive: it is not read`);
    }
  }

  async #leaf(place: Place, peeked: Peeked): Promise<void> {
    try {
      await this.#read(place, peeked);
    } catch (error) {
      this.#failed(place.path, error);
    }
  }

  async #read(place: Place, peeked: Peeked): Promise<void> {
    const { path, node } = place;
    const isOfBundle = place.archive?.isBundle ?? place.inside !== undefined;
    const isBroken = peeked.failure !== undefined;
    if (isBinary(peeked.head)) {
      const packing = otherPacking(peeked.head);
      if (packing !== undefined)
        this.#unread(path, `is packed with ${packing.name}`, `${packing.unpack} ${path}, and give what comes out`);
      else if (isOfBundle) this.found.uselessCount++;
      else this.#unread(path, "is binary, no text");
      return;
    }
    const sniff = { path, head: decodedHead(peeked.head), isWhole: peeked.isWhole };
    const mayBePaste = sniff.isWhole && !isBroken && !isOfBundle;
    if (mayBePaste && this.#pasted(place, fencedPaste(sniff.head))) return;
    const kind = recognise(sniff, this.#options.readers);
    const paste =
      mayBePaste && (kind?.kind !== "file" || beginsEvents(sniff.head)) ? pastedEvents(sniff.head) : undefined;
    if (paste !== undefined && this.#pasted(place, paste)) return;
    if (kind?.kind === "file") {
      const text = decoded(await gathered(peeked.rest, this.#options.bounds.wholeBytesMax));
      if (kind.reader.readTogether !== undefined) {
        this.found.together.push({ reader: kind.reader, file: { path, text, node } });
        return;
      }
      const part = kind.reader.read({ path, text, node });
      const isSilent = part.read === undefined && Object.values(part).some((value) => value !== part.unread);
      this.found.parts.push(isSilent ? { ...part, read: [{ file: path, kind: kind.reader.kind }] } : part);
    } else if (kind?.kind === "log" && (!isOfBundle || isUsefulLog(place.inside ?? ""))) {
      const log = { path, node, kind: kind.logKind, isWhole: isOfBundle, firstMs: firstTimeIn(sniff.head) };
      if (place.reopen === undefined && place.archive === undefined) {
        // It comes once and has no other copies to be put in order with: a log of any size flows through.
        this.found.parts.push(await readLogSet([{ ...log, open: () => peeked.rest }], this.#options));
        return;
      }
      const open = place.reopen ?? (await this.#held(place, peeked));
      this.found.logs.push({ ...log, open });
    } else if (isBroken) throw peeked.failure;
    else if (sniff.head === "" && !isOfBundle) this.#unread(path, "is empty");
    else if (isOfBundle && place.archive === undefined) this.found.uselessCount++;
    else this.found.unknown.push(path);
  }

  /** A paste: each fence to the reader that knows it, the rest to the logs. False: it is none, or no fence says a thing. */
  #pasted({ path, node }: Place, paste: FencedPaste | undefined): boolean {
    if (paste === undefined) return false;
    const taken: number[] = [];
    for (const [index, fence] of paste.fences.entries()) {
      const kind = recognise({ path, head: fence, isWhole: true }, this.#options.readers);
      if (kind?.kind !== "file") continue;
      const part = kind.reader.read({ path, text: fence, node });
      if ((part.unread ?? []).length > 0) continue;
      taken.push(index);
      this.found.parts.push(part);
    }
    const rest = paste.without(taken);
    const kind = recognise({ path, head: rest, isWhole: true }, []);
    // Beside a table that was taken, words that name a setting are worth reading, whatever else they say.
    const namesSetting = taken.length > 0 && /\b[A-Z]{2,}_[A-Z]{2,}/.test(rest);
    if (kind?.kind === "log" || namesSetting) {
      const open = (): Bytes => bytesOf(new TextEncoder().encode(rest));
      const logKind = kind?.kind === "log" ? kind.logKind : "excerpt";
      this.found.logs.push({ path, node, kind: logKind, isWhole: false, firstMs: firstTimeIn(rest), open });
    }
    return taken.length > 0 || kind !== undefined;
  }

  /** A log within an archive: in memory while there is room, else found again by going through the archive once more. */
  async #held(place: Place, peeked: Peeked): Promise<() => Bytes> {
    const { path } = place;
    const top = this.#input;
    const room = top.reopen === undefined ? this.#options.bounds.wholeBytesMax : this.#options.bounds.heldBytesMax;
    const chunks: Uint8Array[] = [];
    let failure: unknown;
    try {
      for await (const chunk of peeked.rest) {
        this.#heldBytes += chunk.length;
        chunks.push(chunk);
        if (this.#heldBytes <= room) continue;
        this.#heldBytes -= chunks.reduce((sum, one) => sum + one.length, 0);
        const { reopen } = top;
        if (reopen === undefined) throw new BoundReached(`does not fit into ${room} bytes of memory`);
        return () => memberAgain(top.path, reopen(), path, new Spent(this.#options.bounds));
      }
    } catch (error) {
      failure = error;
    }
    return async function* () {
      yield* chunks;
      if (failure !== undefined) throw failure;
    };
  }

  #failed(file: string, error: unknown): void {
    this.#options.signal?.throwIfAborted();
    this.#unread(file, failureText(error));
  }

  #unread(file: string, reason: string, next?: string): void {
    this.found.unread.push({ file, reason, next });
  }
}

/** Folders of an archive that hold one node's files each, learnt on the way. */
class ArchiveFolders {
  readonly #nodes = new Map<string, NodeKey>();

  nodeOf(name: string): NodeKey | undefined {
    const bundle = bundleFolder(name);
    if (bundle !== undefined) this.#nodes.set(bundle, archiveNode(bundle));
    for (const [folder, node] of nodeFolders([name])) this.#nodes.set(folder, node);
    for (let end = name.lastIndexOf("/"); end > 0; end = name.lastIndexOf("/", end - 1)) {
      const node = this.#nodes.get(name.slice(0, end));
      if (node !== undefined) return node;
    }
    return undefined;
  }
}

/** The bytes of the member with that label. */
async function* memberAgain(path: string, source: Bytes, wanted: string, spent: Spent): AsyncGenerator<Uint8Array> {
  const { head, rest } = await peek(source, SNIFF_LENGTH);
  if (isGzip(head)) yield* memberAgain(path, gunzipped(rest, spent), wanted, spent);
  else if (!isTar(head)) yield* rest;
  else {
    for await (const member of tarMembers(rest, spent, { linkCount: 0, outside: [] })) {
      const label = `${path}!${member.name}`;
      if (wanted !== label && !wanted.startsWith(`${label}!`)) continue;
      yield* memberAgain(label, member.bytes, wanted, spent);
      return;
    }
  }
}
