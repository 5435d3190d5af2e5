// The map as one self-contained picture: no script, no font, no link. Each block tells its CIDR and its holders when pointed at.

import { formatIpv4, parseCidr } from "../../base/ipv4.ts";
import { MARKS, type MapDocument, RESERVED_FREE_MARK, type SubnetDocument, UNSEEN_MARK } from "./map-document.ts";
import { freeText } from "./map-table.ts";
import { xmlText } from "./plain-text.ts";

const CELL = 12;
const GAP = 2;
const BLOCKS_PER_LINE = 64;
const MARGIN = 16;
const GUTTER = 104;
const LINE = 18;
const WIDTH = MARGIN * 2 + GUTTER + BLOCKS_PER_LINE * CELL;
/** Characters that fit the width at 12 pixels a line of text. */
const TEXT_MAX = 125;

/** Colours that stay apart for colour-blind eyes and in print. */
const LOOKS: Readonly<Record<string, { readonly name: string; readonly fill: string }>> = {
  [MARKS.free]: { name: "free", fill: "#8fd19e" },
  [RESERVED_FREE_MARK]: { name: "free, in a prefix reservation", fill: "#2e8b57" },
  [UNSEEN_MARK]: { name: "nothing seen in it", fill: "#dcebdd" },
  [MARKS.delegated]: { name: "delegated", fill: "#4a7dbf" },
  [MARKS.broken]: { name: "broken by single addresses", fill: "#f0a830" },
  [MARKS.full]: { name: "full of single addresses", fill: "#b5361c" },
  [MARKS.edge]: { name: "edge: AWS's own addresses", fill: "#c9ced6" },
  [MARKS.reserved]: { name: "explicit reservation", fill: "#8b8f98" },
};

export function mapSvg(document: MapDocument): string {
  const parts: string[] = [];
  let y = MARGIN;
  for (const subnet of document.subnets) {
    const drawn = subnetPart(subnet, y);
    parts.push(drawn.text);
    y += drawn.height + LINE;
  }
  const used = new Set(document.subnets.flatMap((one) => [...one.picture]));
  const looks = Object.entries(LOOKS).filter(([mark]) => used.has(mark));
  looks.forEach(([, look], index) => {
    const x = MARGIN + (index % 3) * 290;
    const top = y + Math.floor(index / 3) * LINE;
    parts.push(
      `<rect x="${x}" y="${top}" width="${CELL - GAP}" height="${CELL - GAP}" fill="${look.fill}"/>`,
      `<text x="${x + CELL + 4}" y="${top + 9}">${xmlText(look.name)}</text>`,
    );
  });
  const height = y + Math.ceil(looks.length / 3) * LINE + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">`,
    "<title>The /28 blocks of the subnets</title>",
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function subnetPart(subnet: SubnetDocument, top: number): { text: string; height: number } {
  const title = [subnet.id, subnet.cidr, subnet.zone, subnet.name].filter((part) => part !== null).join("  ");
  const lines = [
    `<text x="${MARGIN}" y="${top + 10}" font-weight="bold">${xmlText(short(title))}</text>`,
    `<text x="${MARGIN}" y="${top + 10 + LINE}">${xmlText(short(freeText(subnet)))}</text>`,
  ];
  const base = parseCidr(subnet.cidr)?.base ?? 0;
  const holders = holdersByBlock(subnet);
  const gridTop = top + LINE * 2;
  [...subnet.picture].forEach((mark, index) => {
    const column = index % BLOCKS_PER_LINE;
    const y = gridTop + Math.floor(index / BLOCKS_PER_LINE) * CELL;
    const cidr = `${formatIpv4(base + index * 16)}/28`;
    if (column === 0) lines.push(`<text x="${MARGIN}" y="${y + 9}">${formatIpv4(base + index * 16)}</text>`);
    const look = LOOKS[mark];
    const who = holders.get(cidr);
    const hint = `${cidr} ${look?.name ?? mark}${who === undefined ? "" : `: ${who}`}`;
    lines.push(
      `<rect x="${MARGIN + GUTTER + column * CELL}" y="${y}" width="${CELL - GAP}" height="${CELL - GAP}" fill="${look?.fill ?? "#000000"}"><title>${xmlText(hint)}</title></rect>`,
    );
  });
  const rows = Math.ceil(subnet.picture.length / BLOCKS_PER_LINE);
  return { text: lines.join("\n"), height: LINE * 2 + rows * CELL };
}

function holdersByBlock(subnet: SubnetDocument): Map<string, string> {
  const found = new Map<string, string>();
  for (const one of subnet.delegated) found.set(one.cidr, `${one.name} (${one.eni})`);
  for (const one of subnet.broken)
    found.set(one.cidr, one.holders.map((each) => `${each.address} ${each.name}`).join(", "));
  return found;
}

function short(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX - 3)}...`;
}
