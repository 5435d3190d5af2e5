// The readers of Kubernetes facts: handlers of API objects by kind, and of what kubectl prints.

import type { JsonPath } from "../../../text/json-position.ts";
import type { Source } from "../../facts/model.ts";
import type { ObjectHandler } from "../objects.ts";
import type { Placed } from "../placed.ts";
import type { FileReader } from "../reader.ts";
import { readEvent } from "./event-object.ts";
import { kubectlText } from "./kubectl-text.ts";
import { readNode } from "./node-object.ts";
import { isMap, type PlainHandler } from "./object.ts";
import { readPod } from "./pod-object.ts";
import {
  readClusterRole,
  readCniNode,
  readMutatingWebhooks,
  readServiceAccount,
  readValidatingWebhooks,
} from "./policy-objects.ts";

export { distinctEvents, eventSightings } from "./event-sightings.ts";
export { distinctPods } from "./same-pods.ts";

/** In a longer list a value is cited by its field: nobody opens a dump of that size at a line, and lines cost a second pass. */
const LIST_WITH_LINES_MAX = 2000;

/** A handler of plain data as one of placed data; the place of a value is worked out when the handler asks for it. */
function placed(read: PlainHandler): ObjectHandler {
  return (object, { node }) => {
    if (!isMap(object.value)) return {};
    const { file } = object.document;
    const isLong = isInLongList(object);
    const at = (path: JsonPath): Source =>
      isLong ? { file, field: fieldText([...object.path, ...path]) } : object.get(...path).at;
    return read(object.value, { file, node, at });
  };
}

function isInLongList(object: Placed): boolean {
  const { value } = object.document;
  const list = Array.isArray(value) ? value : isMap(value) ? value["items"] : undefined;
  return Array.isArray(list) && list.length > LIST_WITH_LINES_MAX;
}

/** `items[3].status.capacity.pods` */
export function fieldText(path: JsonPath): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("")
    .replace(/^\./, "");
}

/** By `kind` of the object. */
export const KUBERNETES_HANDLERS: Readonly<Record<string, ObjectHandler>> = {
  Node: placed(readNode),
  Pod: placed(readPod),
  Event: placed(readEvent),
  CNINode: placed(readCniNode),
  MutatingWebhookConfiguration: placed(readMutatingWebhooks),
  ValidatingWebhookConfiguration: placed(readValidatingWebhooks),
  ClusterRole: placed(readClusterRole),
  ServiceAccount: placed(readServiceAccount),
};

/** Of text forms. */
export const KUBERNETES_READERS: readonly FileReader[] = [kubectlText];
