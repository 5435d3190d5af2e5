// Scraps of a support bundle that say where a node is: its instance id, its zone, its region, one word in a file each.

import type { FactsPart, NodeFact } from "../../facts/model.ts";
import type { FileReader } from "../reader.ts";

const INSTANCE_ID = /^i-[0-9a-f]{8,17}$/;
const ZONE = /^([a-z]{2}(?:-[a-z]+)+-\d)[a-z]$/;
const REGION = /^[a-z]{2}(?:-[a-z]+)+-\d$/;

export const IDENTITY_READER: FileReader = {
  kind: "node identity",
  recognises({ head, isWhole }) {
    const word = lastWord(head);
    return isWhole && head.length < 200 && (INSTANCE_ID.test(word) || ZONE.test(word) || REGION.test(word));
  },
  read({ path, text, node }): FactsPart {
    const word = lastWord(text);
    const at = { file: path };
    const empty = { labels: new Map<string, string>(), annotations: new Map<string, string>(), taints: [], at };
    if (INSTANCE_ID.test(word)) {
      const fact: NodeFact = { key: node ?? word, instanceId: word, ...empty };
      return { nodes: [fact] };
    }
    const region = ZONE.exec(word)?.[1];
    if (region === undefined) return { region: word };
    return { region, nodes: node === undefined ? [] : [{ key: node, zone: word, ...empty }] };
  },
};

/** A collector that ran twice wrote the word twice. */
function lastWord(text: string): string {
  const words = text.trim().split(/\s+/);
  return words.every((word) => word === words[0]) ? (words[0] ?? "") : "";
}
