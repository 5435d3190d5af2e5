// The lines of an agent's log that tell of one sandbox: its ADD, its address, its DEL. Texts of v1.0 to v1.23 and of slash28's own
// agent (ipamd.md 9.6; the forms of pkg/ipamd and pkg/ipamd/datastore, read 2026-11-30).

import { FragmentSearch } from "../diagnose/readers/logs/fragment-search.ts";

/** What a line says of a sandbox. `granted`: it got an address; `released`: it held one until now. */
export type PodLineKind = "add" | "names" | "granted" | "del" | "released" | "recovered" | "lost";

/** The names are parts of the line: who keeps them makes them texts of their own. */
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

/** Each such line is of one ADD or DEL. The other marks are in lines of other meaning, too. */
const CALLS = ["Received AddNetwork for NS", "Received DelNetwork for "];
/** The first line of an agent. */
const START = "Starting L-IPAMD";
/** slash28's own agent says how it decides. */
const POLICY = /^Policy (slash28|vpc-cni), seed /;

const MARKS = [...new Set(FORMS.map((form) => form.mark)), START, "Policy slash28, seed ", "Policy vpc-cni, seed "];
const FORMS_OF = MARKS.map((mark) => FORMS.filter((form) => form.mark === mark));

/** A sandbox's id is 64 random characters; so many of its beginning and end tell it from the others of its node. */
const ID_PART = 12;

export type ReadPodLine =
  | PodLine
  | { readonly kind: "policy"; readonly policy: string }
  | "start"
  | "nothing"
  | undefined;

export class PodLines {
  readonly #search = new FragmentSearch(MARKS.map((text, id) => ({ text, id, isStart: false })));
  #count = 0;

  /** Whether a mark is in the range; `read` then tells what its text says. */
  isMarked(bytes: Uint8Array, start: number, end: number): boolean {
    this.#count = this.#search.search(bytes, start, end, { isLoose: true });
    return this.#count > 0;
  }

  /** The range last looked at, as text. "nothing": it has no say here; undefined: it should have, and cannot be understood. */
  read(message: string): ReadPodLine {
    if (message.startsWith(START)) return "start";
    const policy = POLICY.exec(message)?.[1];
    if (policy !== undefined) return { kind: "policy", policy };
    let isCall = false;
    for (let i = 0; i < this.#count; i++) {
      const mark = this.#search.found[i] as number;
      if (CALLS.includes(MARKS[mark] as string)) isCall = true;
      for (const { kind, pattern } of FORMS_OF[mark] as readonly Form[]) {
        const groups = kind === "names" ? namesIn(message) : pattern.exec(message)?.groups;
        if (groups === undefined) continue;
        const { namespace, name } = groups;
        const sandbox = groups["id"] || (name === undefined ? "" : `${namespace}/${name}`);
        if (sandbox === "") continue;
        return { kind, sandbox: shortId(sandbox), namespace, name };
      }
    }
    return isCall ? undefined : "nothing";
  }
}

/** `K8S_POD_NAME:"web-1" K8S_POD_NAMESPACE:"shop" … ContainerID:"…"`. */
function namesIn(message: string): Record<string, string> | undefined {
  const name = /K8S_POD_NAME:"([^"]+)"/.exec(message)?.[1];
  const namespace = /K8S_POD_NAMESPACE:"([^"]+)"/.exec(message)?.[1];
  const id = /(?:\bContainerID|K8S_POD_INFRA_CONTAINER_ID):"([^"]+)"/.exec(message)?.[1];
  return name === undefined || namespace === undefined || id === undefined ? undefined : { name, namespace, id };
}

/** Two parts put together are a text of their own; a part alone would keep the whole line in memory. */
function shortId(id: string): string {
  return id.length <= 2 * ID_PART ? id : id.slice(0, ID_PART) + id.slice(-ID_PART);
}
