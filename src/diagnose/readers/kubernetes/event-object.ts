// Event objects, of core/v1 and of events.k8s.io/v1.

import type { EventFact } from "../../facts/model.ts";
import { countIn, mapIn, nameOf, namespaceOf, type PlainHandler, type PlainMap, textIn, timeIn } from "./object.ts";

export const readEvent: PlainHandler = (object, context) => {
  const subject = "involvedObject" in object ? mapIn(object, "involvedObject") : mapIn(object, "regarding");
  const name = textIn(subject, "name");
  const message = textIn(object, "message") ?? textIn(object, "note") ?? "";
  const reason = textIn(object, "reason") ?? "";
  if (name === undefined || (message === "" && reason === "")) return {};
  const kind = textIn(subject, "kind") ?? "";
  const source = "source" in object ? mapIn(object, "source") : mapIn(object, "deprecatedSource");
  const series = mapIn(object, "series");
  const event: EventFact = {
    reason,
    message,
    objectKind: kind,
    namespace: textIn(subject, "namespace") ?? (kind === "Node" ? undefined : namespaceOf(object)),
    name,
    node: nodeOf(object, source, kind, name),
    component: textIn(source, "component") ?? reporterOf(object),
    count: Math.max(1, countIn(object, "count") ?? countIn(object, "deprecatedCount") ?? countIn(series, "count") ?? 1),
    firstMs: firstMs(object),
    lastMs:
      timeIn(object, "lastTimestamp") ??
      timeIn(object, "deprecatedLastTimestamp") ??
      timeIn(series, "lastObservedTime") ??
      timeIn(object, "eventTime") ??
      firstMs(object),
    at: context.at("message" in object ? ["message"] : "note" in object ? ["note"] : []),
  };
  return { events: [event] };
};

function nodeOf(object: PlainMap, source: PlainMap, kind: string, name: string): string | undefined {
  const host = textIn(source, "host");
  if (host !== undefined) return host;
  if (kind === "Node") return name;
  return reporterOf(object) === "kubelet" ? textIn(object, "reportingInstance") : undefined;
}

function reporterOf(object: PlainMap): string | undefined {
  return textIn(object, "reportingComponent") ?? textIn(object, "reportingController");
}

function firstMs(object: PlainMap): number | undefined {
  return (
    timeIn(object, "firstTimestamp") ??
    timeIn(object, "deprecatedFirstTimestamp") ??
    timeIn(object, "eventTime") ??
    (nameOf(object) === undefined ? undefined : timeIn(mapIn(object, "metadata"), "creationTimestamp"))
  );
}
