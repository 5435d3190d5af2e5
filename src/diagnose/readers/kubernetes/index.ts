// The readers of Kubernetes facts: handlers of API objects by kind, and of what kubectl prints.

import type { ObjectHandler } from "../objects.ts";
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

/** A handler of plain data as one of placed data; the place of a value is worked out when the handler asks for it. */
function placed(read: PlainHandler): ObjectHandler {
  return (object, { node }) => {
    if (!isMap(object.value)) return {};
    return read(object.value, { file: object.document.file, node, at: (path) => object.get(...path).at });
  };
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
