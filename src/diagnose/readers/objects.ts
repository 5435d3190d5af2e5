// Kubernetes objects, and objects written like them (NodeConfig, ClusterConfig): YAML or JSON, several documents, Lists. Each
// kind has a handler; kinds that no handler knows are passed over.

import type { CheckError } from "../../text/check-error.ts";
import { type PlacedDocuments, placeJson, placeYaml } from "../../text/placed-document.ts";
import type { FactsPart, NodeKey, UnreadFile } from "../facts/model.ts";
import { Placed } from "./placed.ts";
import type { FileReader, Sniff, TextFile } from "./reader.ts";

export interface ObjectContext {
  /** The node whose bundle or folder the file lies in. */
  readonly node: NodeKey | undefined;
}

/** What one object says. The object is a map; nothing else about it is certain. Must not throw. */
export type ObjectHandler = (object: Placed, context: ObjectContext) => FactsPart;

/** From `kind` to handler; `kind` alone, for the groups of these kinds do not collide. */
export type ObjectHandlers = Readonly<Record<string, ObjectHandler>>;

/** Reads files of objects. `handlers` is the table of all kinds together. */
export function objectsReader(handlers: ObjectHandlers): FileReader {
  return {
    kind: "Kubernetes objects",
    recognises: isObjects,
    read: (file) => readObjects(file, handlers),
  };
}

/** A Terraform file may hold such objects in a heredoc, user data in a MIME part: those are not files of objects. */
export function isObjects(sniff: Pick<Sniff, "head">): boolean {
  const head = sniff.head.replace(/^\uFEFF/, "");
  if (/^\s*[[{]/.test(head)) return /"kind"\s*:\s*"\w/.test(head) && /"apiVersion"\s*:/.test(head);
  if (/^(?:resource|data|module|variable|locals|provider|terraform|output)\b[^:\n]*\{/m.test(head)) return false;
  if (/^(?:MIME-Version|Content-Type):/im.test(head)) return false;
  return /^(?:- )?kind:[ \t]*["']?\w/m.test(head) && /^(?:- )?apiVersion:/m.test(head);
}

export function readObjects(file: TextFile, handlers: ObjectHandlers): FactsPart {
  const isJson = /^[\uFEFF\s]*[[{]/.test(file.text);
  let parsed = isJson ? placeJson(file.text, file.path) : placeYaml(file.text, file.path);
  // YAML may begin with a bracket too.
  if (isJson && parsed.errors.length > 0) {
    const asYaml: PlacedDocuments = placeYaml(file.text, file.path);
    if (asYaml.errors.length === 0) parsed = asYaml;
  }
  const parts: FactsPart[] = [];
  const passedOver = new Set<string>();
  for (const document of parsed.documents) {
    for (const object of objectsIn(new Placed(document), 0)) {
      const kind = object.get("kind").text ?? "";
      const handler = Object.hasOwn(handlers, kind) ? handlers[kind] : undefined;
      if (handler === undefined) passedOver.add(kind);
      else parts.push(handler(object, { node: file.node }));
    }
  }
  const kind =
    parts.length > 0 ? "Kubernetes objects" : `Kubernetes objects that say nothing here (${list(passedOver)})`;
  const isRead = parts.some((part) => Object.keys(part).some((section) => section !== "unread")) || passedOver.size > 0;
  return joinParts([...parts, { read: isRead ? [{ file: file.path, kind }] : [], unread: unreadOf(parsed.errors) }]);
}

/** The object, or the items of a List or of a plain array. */
export function* objectsIn(value: Placed, depth: number): Generator<Placed> {
  if (depth > 4) return;
  const items = Array.isArray(value.value) ? value : value.get("items");
  const isList = Array.isArray(value.value) || (/List$/.test(value.get("kind").text ?? "List") && value.isMap);
  if (isList && Array.isArray(items.value)) {
    // `kubectl get nodes -o json` of one kind may leave the kind of the items out.
    for (const item of items.items()) yield* objectsIn(item, depth + 1);
  } else if (value.isMap && value.get("kind").text !== undefined) yield value;
}

/** Lists of all parts one after the other; of single values the last. */
export function joinParts(parts: readonly FactsPart[]): FactsPart {
  const joined: Record<string, unknown> = {};
  for (const part of parts) {
    for (const [section, value] of Object.entries(part)) {
      const before = joined[section];
      if (Array.isArray(before) && Array.isArray(value)) {
        for (const one of value as readonly unknown[]) before.push(one);
      } else if (Array.isArray(value)) joined[section] = [...(value as readonly unknown[])];
      else if (value !== undefined) joined[section] = value;
    }
  }
  return joined as FactsPart;
}

/** What could not be read, as the report lists it. */
export function unreadOf(errors: readonly CheckError[]): UnreadFile[] {
  return errors.map(({ file, line, column, message, next }) => ({
    file,
    line,
    reason: `line ${line}, column ${column}: ${message}`,
    next,
  }));
}

function list(kinds: ReadonlySet<string>): string {
  const names = [...kinds].filter((kind) => kind !== "");
  return names.length <= 4 ? names.join(", ") : `${names.slice(0, 4).join(", ")} and ${names.length - 4} more`;
}
