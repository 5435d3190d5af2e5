// Tables of `kubectl get`: events, pods, nodes, DaemonSets, ENIConfigs. Told apart by their headings.

import { parseRfc3339 } from "../../../base/calendar.ts";
import { parseIpv4 } from "../../../base/ipv4.ts";
import type { ContainerFact, EventFact, FactsPart, NodeFact, PodFact } from "../../facts/model.ts";
import { parseSeries } from "./ages.ts";
import { cellsOf, columnsOf } from "./columns.ts";
import { imageVersion } from "./images.ts";

export interface TableRow {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

interface Table {
  readonly file: string;
  readonly rows: readonly { readonly cells: ReadonlyMap<string, string>; readonly line: number }[];
  readonly hasColumn: (heading: string) => boolean;
}

export type TableKind = "events" | "pods" | "nodes" | "daemonsets" | "names";

/** The widest table of kubectl's has some 300 characters; names of 253 may widen each column. */
const HEADER_MAX = 4000;

/** What the heading line belongs to; undefined when it heads no table known here. */
export function tableKind(header: string): TableKind | undefined {
  if (header.length > HEADER_MAX || !/^[A-Z][A-Z() -]*$/.test(header) || !/\S\s{2,}\S/.test(header)) return undefined;
  const headings = columnsOf(header).map((column) => column.heading);
  const has = (...wanted: readonly string[]) => wanted.every((one) => headings.includes(one));
  if (has("LAST SEEN", "REASON", "MESSAGE") && (has("OBJECT") || has("KIND", "NAME"))) return "events";
  if (has("NAME", "READY", "STATUS", "RESTARTS")) return "pods";
  if (has("NAME", "STATUS", "ROLES", "VERSION")) return "nodes";
  if (has("NAME", "DESIRED", "READY", "UP-TO-DATE")) return "daemonsets";
  return has("NAME", "AGE") && headings.length === 2 ? "names" : undefined;
}

/** @param command the `kubectl` command above the table, where it was kept. */
export function readTable(header: TableRow, rows: readonly TableRow[], file: string, command: string): FactsPart {
  const columns = columnsOf(header.text);
  const table: Table = {
    file,
    rows: rows.map((row) => ({ cells: cellsOf(columns, row.text), line: row.line })),
    hasColumn: (heading) => columns.some((column) => column.heading === heading),
  };
  switch (tableKind(header.text)) {
    case "events":
      return { events: eventsOf(table) };
    case "pods":
      return { pods: podsOf(table) };
    case "nodes":
      return nodesOf(table);
    case "daemonsets":
      return daemonSetsOf(table);
    case "names":
      return eniConfigsOf(table, command);
    default:
      return {};
  }
}

function eventsOf(table: Table): EventFact[] {
  return table.rows.flatMap(({ cells, line }): EventFact[] => {
    const [objectKind, name] = objectOf(cells);
    const lastSeen = cells.get("LAST SEEN") ?? "";
    const lastMs = parseRfc3339(lastSeen);
    const series = parseSeries(lastSeen) ?? (lastMs === undefined ? undefined : { count: 1, overMs: undefined });
    if (name === undefined || series === undefined) return [];
    const [component, host] = (cells.get("SOURCE") ?? "").split(", ");
    const isNode = objectKind === "Node";
    const column = Number(/^\d{1,9}$/.exec(cells.get("COUNT") ?? "")?.[0] ?? 0);
    return [
      {
        reason: cells.get("REASON") ?? "",
        message: cells.get("MESSAGE") ?? "",
        objectKind,
        namespace: isNode ? undefined : cells.get("NAMESPACE"),
        name,
        node: host ?? (isNode ? name : undefined),
        component: component || undefined,
        count: Math.max(series.count, column),
        firstMs: parseRfc3339(cells.get("FIRST SEEN") ?? ""),
        lastMs,
        overMs: series.overMs,
        at: { file: table.file, line },
      },
    ];
  });
}

/** `pod/web-1` is Pod web-1. */
function objectOf(cells: ReadonlyMap<string, string>): [string, string | undefined] {
  const object = cells.get("OBJECT");
  const [kind, name] = object === undefined ? [cells.get("KIND") ?? "", cells.get("NAME")] : object.split("/");
  const known: Readonly<Record<string, string>> = {
    pod: "Pod",
    node: "Node",
    daemonset: "DaemonSet",
    service: "Service",
  };
  const lower = (kind ?? "").toLowerCase().replace(/\..*$/, "");
  return [Object.hasOwn(known, lower) ? (known[lower] ?? "") : (kind ?? ""), name];
}

const PHASES: readonly string[] = ["Running", "Pending", "Succeeded", "Failed", "Unknown"];
const ENDED: Readonly<Record<string, string>> = { Completed: "Succeeded", Error: "Failed", Evicted: "Failed" };
/** Reasons of a waiting container that has run, or is about to: such a pod keeps its address. */
const WAITING_AGAIN = /BackOff|Err|Creating/;

/** Without `-o wide` nothing tells whether a running pod has an address: only those that wait are facts then. */
function podsOf(table: Table): PodFact[] {
  const isWide = table.hasColumn("IP") && table.hasColumn("NODE");
  const shared = new Map<string, number>();
  for (const { cells } of table.rows) {
    const place = `${cells.get("NODE")} ${cells.get("IP")}`;
    shared.set(place, (shared.get(place) ?? 0) + 1);
  }
  return table.rows.flatMap(({ cells, line }): PodFact[] => {
    const [name, status, ready] = [nameCell(cells), cells.get("STATUS"), cells.get("READY") ?? ""];
    if (name === undefined || status === undefined || !/^\d+\/\d+$/.test(ready)) return [];
    const [readyCount, wantedCount] = ready.split("/");
    const node = presentCell(cells, "NODE");
    const address = presentCell(cells, "IP");
    const { phase, waitingReason } = stateOf(status, address !== undefined);
    if (!isWide && (phase !== "Pending" || status === "Pending")) return [];
    const isShared = (shared.get(`${cells.get("NODE")} ${cells.get("IP")}`) ?? 0) > 1;
    const restarts = Number(/^\d{1,9}/.exec(cells.get("RESTARTS") ?? "")?.[0] ?? 0);
    return [
      {
        namespace: cells.get("NAMESPACE") ?? "default",
        name,
        node,
        address,
        phase,
        isHostNetwork: address !== undefined && (isShared || address === addressInName(node)),
        isReady: phase === "Running" && readyCount === wantedCount && readyCount !== "0",
        waitingReason:
          waitingReason ?? (isWide && phase === "Pending" && node === undefined ? "Unschedulable" : undefined),
        wantsBranchEni: false,
        annotations: new Map(),
        labels: new Map(),
        containers:
          restarts === 0 ? [] : [restarted(name, restarts, { isReady: readyCount === wantedCount, waitingReason })],
        at: { file: table.file, line },
      },
    ];
  });
}

/** STATUS is the phase, or the reason of the container that is not well, or that the pod is going. */
function stateOf(status: string, hasAddress: boolean): { readonly phase: string; readonly waitingReason?: string } {
  if (PHASES.includes(status)) return { phase: status };
  if (status === "Terminating") return { phase: status };
  const ended = Object.hasOwn(ENDED, status) ? ENDED[status] : undefined;
  if (ended !== undefined) return { phase: ended };
  if (/^Init:\d+\/\d+$/.test(status)) return { phase: "Pending", waitingReason: "PodInitializing" };
  if (status.startsWith("Init:")) return { phase: "Pending", waitingReason: status.slice("Init:".length) };
  if (!hasAddress || status === "PodInitializing") return { phase: "Pending", waitingReason: status };
  return WAITING_AGAIN.test(status) ? { phase: "Running", waitingReason: status } : { phase: "Running" };
}

/** `kubectl get pods,nodes` writes `pod/web-1`. */
function nameCell(cells: ReadonlyMap<string, string>): string | undefined {
  return cells.get("NAME")?.replace(/^[a-z.]+\//, "");
}

/** The table counts restarts for the pod as a whole. */
function restarted(
  name: string,
  restartCount: number,
  state: Pick<ContainerFact, "isReady" | "waitingReason">,
): ContainerFact {
  return { name: name.startsWith("aws-node-") ? "aws-node" : "", image: "", restartCount, ...state };
}

/** 10.0.1.23 of `ip-10-0-1-23.us-west-2.compute.internal`. */
function addressInName(node: string | undefined): string | undefined {
  const address = /^ip-(\d+)-(\d+)-(\d+)-(\d+)(?:\.|$)/
    .exec(node ?? "")
    ?.slice(1)
    .join(".");
  return address !== undefined && parseIpv4(address) !== undefined ? address : undefined;
}

function presentCell(cells: ReadonlyMap<string, string>, heading: string): string | undefined {
  const cell = cells.get(heading);
  return cell === undefined || /^<\w+>$/.test(cell) ? undefined : cell;
}

function nodesOf(table: Table): FactsPart {
  const nodes: NodeFact[] = [];
  const versions: NonNullable<FactsPart["versions"]>[number][] = [];
  for (const { cells, line } of table.rows) {
    const [name, status] = [nameCell(cells), cells.get("STATUS") ?? ""];
    if (name === undefined || !/^(?:Not)?Ready|^Unknown/.test(status)) continue;
    const at = { file: table.file, line };
    const states = status.split(",");
    nodes.push({
      key: name,
      name,
      labels: new Map(),
      annotations: new Map(),
      taints: [],
      isUnschedulable: states.includes("SchedulingDisabled"),
      isReady: states.includes("Ready"),
      osImage: presentCell(cells, "OS-IMAGE"),
      at,
    });
    const kubelet = cells.get("VERSION");
    if (kubelet !== undefined) versions.push({ component: "kubernetes", version: kubelet, node: name, at });
    const containerd = /^containerd:\/\/(.+)$/.exec(cells.get("CONTAINER-RUNTIME") ?? "")?.[1];
    if (containerd !== undefined) versions.push({ component: "containerd", version: containerd, node: name, at });
  }
  return { nodes, versions };
}

function daemonSetsOf(table: Table): FactsPart {
  const row = table.rows.find(({ cells }) => nameCell(cells) === "aws-node");
  if (row === undefined) return {};
  const at = { file: table.file, line: row.line };
  const count = (heading: string) => {
    const cell = row.cells.get(heading) ?? "";
    return /^\d{1,9}$/.test(cell) ? Number(cell) : undefined;
  };
  const names = (row.cells.get("CONTAINERS") ?? "").split(",");
  const images = (row.cells.get("IMAGES") ?? "").split(",").filter((image) => image !== "");
  const containers = images.map((image, index) => ({
    name: names[index] ?? "",
    image: { value: image, at },
    isInit: false,
  }));
  const versions = images.flatMap((image) => {
    const version = imageVersion(image);
    return version === undefined ? [] : [{ ...version, at }];
  });
  const namespace = row.cells.get("NAMESPACE") ?? "kube-system";
  const counts = { desiredCount: count("DESIRED"), readyCount: count("READY") };
  return { daemonSets: [{ namespace, name: "aws-node", ...counts, containers, at }], versions };
}

const ZONE = /^[a-z]{2}(?:-[a-z]+)+-\d[a-z]$/;

/** NAME and AGE alone fit many kinds: ENIConfigs are told by the command above, or by names that are all zones. */
function eniConfigsOf(table: Table, command: string): FactsPart {
  const names = table.rows.flatMap(({ cells, line }) => {
    const name = nameCell(cells);
    return name === undefined ? [] : [{ name, at: { file: table.file, line } }];
  });
  const isTold = /\beniconfigs?\b/i.test(command) || (names.length > 0 && names.every(({ name }) => ZONE.test(name)));
  return isTold ? { eniConfigs: names.map((one) => ({ ...one, securityGroupIds: [] })) } : {};
}
