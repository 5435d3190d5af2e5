// The map for a terminal: each subnet as a row of characters, one a /28, then what breaks it and what would win it back.
// 80 columns suffice, except for commands, which stay on one line.

import { formatIpv4, parseCidr } from "../../base/ipv4.ts";
import { table, wrap } from "../../text/layout.ts";
import { KIND_NAMES } from "../map/advice.ts";
import type { OwnerKind } from "../map/owners.ts";
import { MARKS, type MapDocument, RESERVED_FREE_MARK, type SubnetDocument, UNSEEN_MARK } from "./map-document.ts";
import { printableAll } from "./plain-text.ts";

export interface MapStyle {
  readonly isColored: boolean;
  /** All ENIs are listed too. */
  readonly hasEnis?: boolean;
}

const WIDTH = 80;
/** Blocks a line: 1,024 addresses, so that lines begin at round addresses. */
const BLOCKS_PER_LINE = 64;
const ROWS_MAX = 8;
const NAME_MAX = 34;

const COLORS: Readonly<Record<string, string>> = {
  [MARKS.free]: "32",
  [RESERVED_FREE_MARK]: "32;1",
  [UNSEEN_MARK]: "2",
  [MARKS.delegated]: "36",
  [MARKS.broken]: "33",
  [MARKS.full]: "31",
  [MARKS.edge]: "2",
  [MARKS.reserved]: "2",
};

type Paint = (text: string, code: string) => string;

export function mapTable(given: MapDocument, style: MapStyle): string {
  // Ids, names and paths are texts of others, wherever they stand.
  const document = printableAll(given);
  const paint: Paint = (text, code) => (style.isColored ? `\u001b[${code}m${text}\u001b[0m` : text);
  const lines = document.subnets.flatMap((subnet) => [...subnetLines(subnet, style, paint), ""]);
  if (document.subnets.length > 0) lines.push(...legend(document, paint), "");
  for (const one of document.missing)
    lines.push(...wrap(`${one.id} is not drawn: ${one.reason}.`, WIDTH), `  ${one.next}`);
  for (const one of document.unread) {
    lines.push(...wrap(`not read: ${one.file}: ${one.reason}`, WIDTH));
    if (one.next !== null) lines.push(`  ${one.next}`);
  }
  while (lines.at(-1) === "") lines.pop();
  return `${lines.join("\n")}\n`;
}

function subnetLines(subnet: SubnetDocument, style: MapStyle, paint: Paint): string[] {
  const title = [subnet.id, subnet.cidr, subnet.zone, subnet.name].filter((part) => part !== null).join("  ");
  const lines = [paint(title, "1")];
  if (subnet.foundBy.length > 0) lines.push(...indented(`Tied to the cluster by: ${subnet.foundBy.join(", ")}`));
  lines.push(...indented(freeText(subnet)), ...indented(countText(subnet)));
  const { addresses, prefixes } = subnet.hoursToZero;
  if (addresses !== null || prefixes !== null)
    lines.push(
      ...indented(
        `At the current slope: ${hoursText("no free address", addresses)}; ${hoursText("no free /28", prefixes)}`,
      ),
    );
  lines.push("", ...pictureLines(subnet, paint));
  if (subnet.owners.length > 0) lines.push("", ...ownerLines(subnet));
  lines.push(...releaseLines(subnet, paint));
  if (style.hasEnis === true) lines.push("", ...eniLines(subnet));
  return lines;
}

/** The number first, and how sure it is. */
export function freeText(subnet: SubnetDocument): string {
  const { count, min, max } = subnet.freePrefixes;
  const { counted, reported } = subnet.available;
  const addresses = `${reported ?? counted} free addresses`;
  switch (subnet.trust) {
    case "exact":
      return `${plural(count, "free /28")}${reservedText(subnet)}, ${addresses}`;
    case "incomplete":
      return (
        `${between(min, max)} free /28s, ${addresses}. These ENIs and reservations leave ${counted} free, AWS says ${reported}: ` +
        `${counted - (reported ?? counted)} addresses are missing from what was read`
      );
    case "stale":
      return (
        `${between(min, max)} free /28s, ${addresses}. These ENIs leave only ${counted} free, AWS says ${reported}: ` +
        "some of them are gone; describe ENIs and subnets at the same time"
      );
    case "unchecked":
      return `at most ${plural(max, "free /28")}, at most ${counted} free addresses: without AWS's own count nothing shows that these are all ENIs`;
  }
}

function reservedText({ freePrefixes }: SubnetDocument): string {
  return freePrefixes.inReservations === 0 ? "" : ` (${freePrefixes.inReservations} of them in prefix reservations)`;
}

function between(min: number, max: number): string {
  return min === max ? String(min) : `${min} to ${max}`;
}

function countText(subnet: SubnetDocument): string {
  const { free, delegated, broken, full, edge, reserved } = subnet.blocks;
  const isSure = subnet.trust === "exact" || subnet.trust === "stale";
  const parts = [
    isSure ? `${free} free` : `${free} with nothing seen in them`,
    `${delegated} delegated`,
    `${broken} broken`,
    `${full} full`,
    `${edge} edge`,
    `${reserved} reserved`,
  ];
  const index =
    subnet.fragmentation === null ? "" : `; ${percent(subnet.fragmentation)} of unused addresses fit no /28`;
  const failure = subnet.blockFailure === null ? "" : `; ${percent(subnet.blockFailure)} of usable blocks are spoilt`;
  return `Blocks: ${parts.join(", ")}${index}${failure}`;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}

function hoursText(what: string, hours: number | null): string {
  if (hours === null) return `${what}: no decline`;
  return `${what} in ${hours < 10 ? hours.toFixed(1) : Math.round(hours)} h`;
}

function pictureLines(subnet: SubnetDocument, paint: Paint): string[] {
  const base = parseCidr(subnet.cidr)?.base ?? 0;
  const lines: string[] = [];
  for (let index = 0; index < subnet.picture.length; index += BLOCKS_PER_LINE) {
    const marks = subnet.picture.slice(index, index + BLOCKS_PER_LINE);
    lines.push(`${formatIpv4(base + index * 16).padStart(15)} ${painted(marks, paint)}`);
  }
  return lines;
}

/** Runs of one mark are painted together. */
function painted(marks: string, paint: Paint): string {
  return marks.replace(/(.)\1*/g, (run) => paint(run, COLORS[run[0] ?? ""] ?? "0"));
}

function ownerLines(subnet: SubnetDocument): string[] {
  const rows = [...subnet.owners]
    .sort((a, b) => b.brokenBlocks - a.brokenBlocks || b.addresses - a.addresses)
    .map((one) => [
      KIND_NAMES[one.kind as OwnerKind],
      String(one.enis),
      String(one.addresses),
      String(one.prefixes),
      String(one.brokenBlocks),
    ]);
  return table(["Who", "ENIs", "addresses", "/28s", "in spoilt blocks"], rows, [false, true, true, true, true]);
}

function releaseLines(subnet: SubnetDocument, paint: Paint): string[] {
  const { units, addresses } = subnet.releases;
  const winning = units.filter((one) => one.freed.length > 0);
  const lines: string[] = [];
  if (winning.length > 0) {
    const rows = winning
      .slice(0, ROWS_MAX)
      .map((one) => [short(one.name), String(one.freed.length), String(one.shared), String(one.prefixes)]);
    lines.push(
      "",
      ...table(
        ["If this alone went", subnet.trust === "exact" ? "/28s won" : "at most won", "shared", "its /28s"],
        rows,
        [false, true, true, true],
      ),
    );
    if (winning.length > ROWS_MAX) lines.push(`  and ${winning.length - ROWS_MAX} more in -o json`);
    lines.push(...indented(`The first: ${winning[0]?.how}`));
  }
  const steps = subnet.plan.slice(0, 4).map((step) => `${togetherText(step.release)} (${step.totalFreed})`);
  if (subnet.plan.length > 1 || (winning.length === 0 && subnet.plan.length > 0))
    lines.push("", ...indented(`In this order, /28s won so far: ${steps.join(", then ")}`));
  const easy = addresses.filter(
    (one) => one.how.includes("unassign") || one.kind === "leaked" || one.kind === "detached",
  );
  if (easy.length > 0) {
    lines.push("", "  Single addresses that each spoil a whole /28 and can be given back:");
    for (const one of easy.slice(0, 4))
      lines.push(`    ${paint(one.address, "33")} frees ${one.freed}`, `      ${one.how}`);
    if (easy.length > 4) lines.push(`    and ${easy.length - 4} more in -o json`);
  }
  return lines;
}

/** Those that have to go together for one step. */
function togetherText(names: readonly string[]): string {
  if (names.length <= 2) return names.map(short).join(" with ");
  return `${names.length} together (${short(names[0] ?? "")} and ${names.length - 1} more, named in -o json)`;
}

function eniLines(subnet: SubnetDocument): string[] {
  const rows = subnet.enis.map((one) => [one.id, one.status, short(one.name)]);
  const [header = "", ...lines] = table(["ENI", "status", "whose, and its addresses"], rows);
  return [header, ...subnet.enis.flatMap((one, index) => [lines[index] ?? "", ...addressLines(one)])];
}

/** Broken between items: a node's ENI may hold fifty. */
function addressLines(one: SubnetDocument["enis"][number]): string[] {
  const items = [...one.addresses, ...one.prefixes];
  return items.length === 0 ? [] : wrap(items.join(" "), WIDTH - 6).map((line) => `      ${line}`);
}

function legend(document: MapDocument, paint: Paint): string[] {
  const all: readonly (readonly [string, string])[] = [
    [MARKS.free, "free"],
    [RESERVED_FREE_MARK, "free, in a prefix reservation"],
    [UNSEEN_MARK, "nothing seen in it, which proves nothing"],
    [MARKS.delegated, "delegated"],
    [MARKS.broken, "broken by single addresses"],
    [MARKS.full, "full of them"],
    [MARKS.edge, "edge: holds AWS's own addresses"],
    [MARKS.reserved, "explicit reservation"],
  ];
  const used = new Set(document.subnets.flatMap((one) => [...one.picture]));
  const lines = wrap(all.flatMap(([mark, name]) => (used.has(mark) ? [`${mark} ${name}`] : [])).join("; "), WIDTH - 21);
  return [`One character a /28: ${lines[0] ?? ""}`, ...lines.slice(1).map((line) => `${" ".repeat(21)}${line}`)].map(
    (line) => paint(line, "2"),
  );
}

function indented(text: string): string[] {
  return wrap(text, WIDTH - 2).map((line) => `  ${line}`);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function short(name: string): string {
  return name.length <= NAME_MAX ? name : `${name.slice(0, NAME_MAX - 3)}...`;
}
