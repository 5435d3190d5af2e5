// Events inside texts: rows of `kubectl describe` and `kubectl get events`, and kubelet's own lines about sandboxes.

import type { EventFact, NodeKey, Source } from "../../facts/model.ts";
import { podOf } from "./sightings.ts";

const EVENTS_MAX = 500;
/** `Warning  FailedCreatePodSandBox  4m (x12 over 10m)  kubelet, ip-10-0-1-2  Failed to …`, age and component in that order. */
const DESCRIBE = /^(Warning|Normal)\s+([A-Z]\w+)\s+(\S+(?: \(x\d+ over [0-9a-z]+\))?)\s{2,}(\S+(?:, \S+)?)\s{2,}(.*)$/s;
/** `4m  Warning  FailedCreatePodSandBox  pod/web-1  Failed to …` */
const GET = /^(?:\S+\s+)?(\S+(?: \(x\d+ over [0-9a-z]+\))?)\s+(Warning|Normal)\s+([A-Z]\w+)\s+(\w+)\/(\S+)\s+(.*)$/s;
const LOOSE = /(Warning|Normal)\s+([A-Z]\w+)\s+(.*)$/s;

export class EventLines {
  readonly #node: NodeKey | undefined;
  readonly #events: EventFact[] = [];

  constructor(node: NodeKey | undefined) {
    this.#node = node;
  }

  line(line: {
    readonly message: string;
    readonly raw: string;
    readonly ms: number | undefined;
    readonly at: Source;
  }): void {
    if (this.#events.length >= EVENTS_MAX) return;
    const event = rowEvent(line.message) ?? kubeletEvent(line.message);
    if (event === undefined) return;
    const [namespace, name] = event.pod?.split("/") ?? [];
    this.#events.push({
      reason: event.reason,
      message: event.message,
      objectKind: event.kind ?? "Pod",
      namespace,
      name: name ?? event.name ?? "",
      node: event.node ?? this.#node,
      component: event.component,
      count: Number(/\(x(\d+) over/.exec(line.message)?.[1] ?? 1),
      firstMs: line.ms,
      lastMs: line.ms,
      isOfLog: true,
      at: line.at,
    });
  }

  result(): EventFact[] {
    return this.#events;
  }
}

interface Found {
  readonly reason: string;
  readonly message: string;
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly pod?: string | undefined;
  readonly node?: string | undefined;
  readonly component?: string | undefined;
}

function rowEvent(text: string): Found | undefined {
  const describe = DESCRIBE.exec(text);
  if (describe !== null) {
    const [component, node] = (describe[4] ?? "").split(", ");
    const message = describe[5] ?? "";
    return { reason: describe[2] ?? "", message, component, node, pod: podOf(message) };
  }
  const get = GET.exec(text);
  if (get !== null) {
    const kind = get[4] === "pod" ? "Pod" : get[4] === "node" ? "Node" : (get[4] ?? "");
    return { reason: get[3] ?? "", message: get[6] ?? "", kind, name: get[5], pod: podOf(get[6] ?? "") };
  }
  const loose = LOOSE.exec(text);
  if (loose === null) return undefined;
  return { reason: loose[2] ?? "", message: loose[3] ?? "", pod: podOf(loose[3] ?? "") };
}

function kubeletEvent(text: string): Found | undefined {
  if (!/Failed to create (?:pod )?sandbox|CreatePodSandbox|RunPodSandbox|failed to assign an IP address/i.test(text))
    return undefined;
  return { reason: "FailedCreatePodSandBox", message: text, pod: podOf(text), component: "kubelet" };
}
