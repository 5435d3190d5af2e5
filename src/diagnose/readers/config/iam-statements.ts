// Statements of an IAM policy document.

import type { IamStatement } from "../../facts/model.ts";
import type { Placed } from "../placed.ts";

/** The statements under `Statement`: a list, or a single one. */
export function statementsOf(statement: Placed): IamStatement[] {
  const all = statement.isMap ? [statement] : statement.items();
  return all.flatMap((one) => {
    const effect = one.get("Effect").text;
    if (effect !== "Allow" && effect !== "Deny") return [];
    const conditions = one.get("Condition").entries();
    return [
      {
        effect,
        actions: textsOf(one.get("Action")),
        notActions: textsOf(one.get("NotAction")),
        resources: textsOf(one.get("Resource")),
        conditionKeys: conditions.flatMap(([, keys]) => keys.entries().map(([key]) => key)),
        at: one.at,
      },
    ];
  });
}

/** A text, or a list of texts. */
export function textsOf(value: Placed): string[] {
  return value.text === undefined ? value.locatedTexts.map((one) => one.value) : [value.text];
}
