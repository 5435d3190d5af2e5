// What kubectl prints for people: `describe` and tables, several of them in one file, with or without the commands above them.

import { mergeFacts, NO_FACTS } from "../../facts/merge.ts";
import type { FactsPart } from "../../facts/model.ts";
import type { FileReader, Sniff, TextFile } from "../reader.ts";
import { readDescribedDaemonSet } from "./describe-daemonset.ts";
import { beginsEvents, eventsOfNoDescription, isEventsHeading } from "./describe-events.ts";
import { readDescribedNode } from "./describe-node.ts";
import { readDescribedPod } from "./describe-pod.ts";
import { fieldNamed, parseDescribe } from "./describe-text.ts";
import { readTable, type TableRow, tableKind } from "./get-tables.ts";

/** A command as it was typed, with or without the prompt before it. */
const COMMAND = /^(?:.{0,80}?[$#%>❯➜]\s*(?:\S{1,40}\s+)?)?(?:sudo\s+)?(?:kubectl|k|oc)\s+((?:describe|get|-\S+)\s.*)$/;
/** `Name:  x` at the left edge, then within a few lines a field that only kubectl's descriptions have. */
const DESCRIBED = /^Name: {2,}\S[^\n]*\n(?:[^\n]*\n){0,3}?(?:Namespace|Roles|Selector): /;
export const kubectlText: FileReader = {
  kind: "kubectl output",

  recognises(sniff: Sniff): boolean {
    const head = withoutCommands(outdented(sniff.head));
    if (DESCRIBED.test(head) || beginsEvents(head)) return true;
    const header = head.slice(0, head.indexOf("\n") < 0 ? undefined : head.indexOf("\n"));
    const kind = tableKind(header);
    if (kind === undefined || kind !== "names") return kind !== undefined;
    return hasFacts(this.read({ path: sniff.path, text: sniff.head, node: undefined }));
  },

  read(file: TextFile): FactsPart {
    const parts = blocksOf(outdented(file.text)).map((block) => readBlock(block, file.path));
    const found = mergeFacts(parts);
    const sections = Object.entries(found).filter(([section, value]) => value !== NO_FACTS[section as keyof FactsPart]);
    const part: FactsPart = Object.fromEntries(sections);
    if (hasFacts(part)) return { ...part, read: [{ file: file.path, kind: kubectlText.kind }] };
    return {
      unread: [{ file: file.path, reason: "kubectl's output without a pod, node, event or DaemonSet of use here" }],
    };
  },
};

/** Without the indentation that all lines share, as where the output was pasted into Markdown; lines keep their numbers. */
function outdented(text: string): string {
  if (!/^\s/.test(text)) return text;
  const lines = text.split("\n");
  const indent = /^ */.exec(lines.find((line) => line.trim() !== "") ?? "")?.[0] ?? "";
  if (indent === "") return text;
  const isShared = lines.every((line) => line.startsWith(indent) || line.trim() === "" || indent.startsWith(line));
  return isShared ? lines.map((line) => line.slice(indent.length)).join("\n") : text;
}

function withoutCommands(head: string): string {
  const lines = head
    .replace(/^\ufeff/, "")
    .replaceAll("\r", "")
    .split("\n");
  const first = lines.findIndex((line) => line.trim() !== "" && !COMMAND.test(line.trim()));
  return first < 0 ? "" : lines.slice(first).join("\n");
}

function hasFacts(part: FactsPart): boolean {
  return Object.values(part).some((value) => Array.isArray(value) && value.length > 0) && part.unread === undefined;
}

interface Block {
  readonly kind: "describe" | "events" | "table";
  readonly command: string;
  readonly rows: TableRow[];
}

/**
 * Descriptions begin at `Name:`, tables at their headings, the events of no description at theirs; each ends where the next one,
 * a command or the file ends it.
 */
function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: Block | undefined;
  let command = "";
  const lines = text.replace(/^\ufeff/, "").split("\n");
  for (const [index, raw] of lines.entries()) {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    const row = { text: line, line: index + 1 };
    const typed = COMMAND.exec(line.trim());
    if (typed !== null) {
      command = typed[1] ?? "";
      open = undefined;
    } else if (/^Name: {2,}\S/.test(line)) {
      open = { kind: "describe", command, rows: [row] };
      blocks.push(open);
    } else if (open?.kind !== "describe" && (open?.kind === "events" ? isEventsHeading(line) : beginsEvents(line))) {
      open = { kind: "events", command, rows: [row] };
      blocks.push(open);
    } else if (tableKind(line) !== undefined) {
      open = { kind: "table", command, rows: [row] };
      blocks.push(open);
    } else if (line.trim() === "") {
      if (open !== undefined && open.kind !== "describe") open = undefined;
    } else open?.rows.push(row);
  }
  return blocks;
}

function readBlock(block: Block, file: string): FactsPart {
  const [first, ...others] = block.rows;
  if (first === undefined) return {};
  if (block.kind === "table") return readTable(first, others, file, block.command);
  const lines: string[] = [];
  for (const row of block.rows) lines[row.line - first.line] = row.text;
  const fields = parseDescribe(
    Array.from(lines, (line) => line ?? ""),
    first.line,
  );
  if (block.kind === "events") return { events: eventsOfNoDescription(fields, file) };
  if (fieldNamed(fields, "Roles") !== undefined || fieldNamed(fields, "CreationTimestamp") !== undefined) {
    return readDescribedNode(fields, file);
  }
  if (fieldNamed(fields, "Pod Template") !== undefined) return readDescribedDaemonSet(fields, file);
  return fieldNamed(fields, "Node") !== undefined ? readDescribedPod(fields, file) : {};
}
