// The lines of an agent's log that tell of one sandbox: its ADD, its address, its DEL. Texts of v1.0 to v1.23 and of slash28's own
// agent (ipamd.md 9.6; the forms of pkg/ipamd and pkg/ipamd/datastore, read 2026-11-30).

import { asciiBytes, decodeBytes } from "../diagnose/readers/logs/bytes.ts";
import { FragmentSearch } from "../diagnose/readers/logs/fragment-search.ts";

/** What a line says of a sandbox. `granted`: it got an address; `released`: it held one until now. */
export type PodLineKind = "add" | "names" | "granted" | "del" | "released" | "recovered" | "lost";

export interface PodLine {
  readonly kind: PodLineKind;
  /** Of the sandbox; where a log has no id of it, of the pod. */
  readonly sandbox: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

interface Form {
  readonly mark: string;
  readonly kind: PodLineKind;
  readonly pattern: RegExp;
}

/** `NETWORK/CONTAINER/INTERFACE`, as the agent names a sandbox. */
const KEY = "[^\\s/]*\\/(?<id>[^\\s/]+)\\/[^\\s']*";
const POD = "Pod (?<name>[^\\s,]+), Name[sS]pace (?<namespace>[^\\s,]+), (?:Sandbox|Container) (?<id>[^\\s,]*)";
const OLD_POD =
  "[nN]ame:? (?<name>\\S*), [nN]ame[sS]pace (?<namespace>\\S*) (?:[sS]andbox|[cC]ontainer) (?<id>[^\\s)]*)\\)";
const METADATA =
  "(?: with metadata \\{(?=.*K8SPodNamespace:(?<namespace>[^\\s}]+))(?=.*K8SPodName:(?<name>[^\\s}]+)))?";

/** In the order in which a log shows them. Forms of one mark are tried one after the other. */
const FORMS: readonly Form[] = [
  { mark: "Received AddNetwork for NS", kind: "add", pattern: new RegExp(POD) },
  { mark: "Received AddNetwork for NS", kind: "add", pattern: /Sandbox (?<id>[^\s,]+), ifname/ },
  { mark: "AddNetworkRequest: ", kind: "names", pattern: /K8S_POD_NAME/ },
  { mark: ": Assign IP ", kind: "granted", pattern: new RegExp(`to sandbox ${KEY}${METADATA}`) },
  { mark: ": Assign IP ", kind: "granted", pattern: new RegExp(`to pod \\(${OLD_POD}`) },
  { mark: "Received DelNetwork for ", kind: "del", pattern: new RegExp(POD) },
  { mark: "Received DelNetwork for ", kind: "del", pattern: /for Sandbox (?<id>\S+)/ },
  { mark: "DelNetworkRequest: ", kind: "names", pattern: /K8S_POD_NAME/ },
  { mark: "UnassignPodIP", kind: "released", pattern: new RegExp(`: sandbox ${KEY}'s ipAddr`) },
  { mark: "UnassignPodIP", kind: "released", pattern: new RegExp(`: [pP]od \\(${OLD_POD}'s ipAddr`) },
  { mark: "Recovered ", kind: "recovered", pattern: new RegExp(`^Recovered ${KEY} => `) },
  {
    mark: "stale IP allocation for ID(",
    kind: "lost",
    pattern: new RegExp(`ID\\(${KEY.replace("[^\\s']*", "[^\\s)]*")}\\)`),
  },
  { mark: "uses unknown IP Address", kind: "lost", pattern: new RegExp(`Sandbox ${KEY} uses`) },
];

/** Lines with a mark that tell of no sandbox's beginning or end, or not of one alone. */
const OF_NOTHING = /Failed to find|trying CRI-migrated|^Recovered (?!\S*\/\S*\/)/;
/** The first line of an agent. */
const START = "Starting L-IPAMD";

const MARKS = [...new Set(FORMS.map((form) => form.mark)), START];

/** A sandbox's id is 64 characters; so many tell it from the others of its node. */
const ID_LENGTH = 24;

export type ReadPodLine = PodLine | "start" | "nothing" | undefined;

export class PodLines {
  readonly #search = new FragmentSearch(MARKS.map((text, id) => ({ text, id, isStart: false })));

  /** Whether a mark is in the range. */
  isMarked(bytes: Uint8Array, start: number, end: number): boolean {
    return this.#search.search(bytes, start, end, { isLoose: true }) > 0;
  }

  /** The line whose message this is; "nothing": it has no say here; undefined: it should have, and cannot be understood. */
  read(message: string): ReadPodLine {
    if (message.startsWith(START)) return "start";
    let isMarked = false;
    for (const { mark, kind, pattern } of FORMS) {
      if (!message.includes(mark)) continue;
      isMarked = true;
      const groups = kind === "names" ? namesIn(message) : pattern.exec(message)?.groups;
      if (groups === undefined) continue;
      const { namespace, name } = groups;
      const sandbox = groups["id"] || (name === undefined ? "" : `${namespace}/${name}`);
      if (sandbox === "") continue;
      return { kind, sandbox: own(sandbox.slice(0, ID_LENGTH)), namespace: owned(namespace), name: owned(name) };
    }
    return isMarked && !OF_NOTHING.test(message) && !message.includes(START) ? undefined : "nothing";
  }
}

/** `K8S_POD_NAME:"web-1" K8S_POD_NAMESPACE:"shop" … ContainerID:"…"`. */
function namesIn(message: string): Record<string, string> | undefined {
  const name = /K8S_POD_NAME:"([^"]+)"/.exec(message)?.[1];
  const namespace = /K8S_POD_NAMESPACE:"([^"]+)"/.exec(message)?.[1];
  const id = /(?:\bContainerID|K8S_POD_INFRA_CONTAINER_ID):"([^"]+)"/.exec(message)?.[1];
  return name === undefined || namespace === undefined || id === undefined ? undefined : { name, namespace, id };
}

/** A part of a line keeps the whole line in memory; this is a text of its own. */
function own(text: string): string {
  const bytes = asciiBytes(text);
  return decodeBytes(bytes, 0, bytes.length);
}

function owned(text: string | undefined): string | undefined {
  return text === undefined ? undefined : own(text);
}
