// Objects that decide who may change what: webhooks, the agent's role and account, and the CNINode it shares with the controller.

import type { FactsPart, WebhookFact } from "../../facts/model.ts";
import {
  mapIn,
  mapsIn,
  nameOf,
  namespaceOf,
  type PlainContext,
  type PlainHandler,
  type PlainMap,
  textIn,
  textMapIn,
  textsIn,
} from "./object.ts";

export const readMutatingWebhooks: PlainHandler = (object, context) =>
  webhooksOf(object, context, { isMutating: true });

export const readValidatingWebhooks: PlainHandler = (object, context) =>
  webhooksOf(object, context, { isMutating: false });

/** One fact a rule: its operations and resources belong together. */
function webhooksOf(object: PlainMap, context: PlainContext, kind: { readonly isMutating: boolean }): FactsPart {
  const configuration = nameOf(object);
  if (configuration === undefined) return {};
  const webhooks: WebhookFact[] = mapsIn(object, "webhooks").flatMap(({ value: webhook, index }) =>
    mapsIn(webhook, "rules").map(({ value: rule, index: ruleIndex }) => ({
      configuration,
      name: textIn(webhook, "name") ?? "",
      operations: textsIn(rule, "operations"),
      resources: textsIn(rule, "resources"),
      isMutating: kind.isMutating,
      at: context.at(["webhooks", index, "rules", ruleIndex]),
    })),
  );
  return { webhooks };
}

export const readClusterRole: PlainHandler = (object, context) => {
  const name = nameOf(object);
  if (name === undefined) return {};
  const rules = mapsIn(object, "rules").map(({ value }) => ({
    apiGroups: textsIn(value, "apiGroups"),
    resources: textsIn(value, "resources"),
    verbs: textsIn(value, "verbs"),
  }));
  return { clusterRoles: [{ name, rules, at: context.at([]) }] };
};

export const readServiceAccount: PlainHandler = (object, context) => {
  const name = nameOf(object);
  if (name === undefined) return {};
  const annotations = textMapIn(mapIn(object, "metadata"), "annotations");
  return { serviceAccounts: [{ namespace: namespaceOf(object) ?? "default", name, annotations, at: context.at([]) }] };
};

export const readCniNode: PlainHandler = (object, context) => {
  const name = nameOf(object);
  if (name === undefined) return {};
  const features = mapsIn(mapIn(object, "spec"), "features").map(({ value }) => ({
    name: textIn(value, "name") ?? "",
    value: textIn(value, "value"),
  }));
  return { cniNodes: [{ name, features, at: context.at([]) }] };
};
