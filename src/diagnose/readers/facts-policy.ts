// `iamPolicy` of the facts file, in any form a person has it: the name or ARN of a managed policy, a policy document as JSON or
// YAML, or a list of actions.

import type { FactsPart, IamPolicyFact, IamStatement, Located } from "../facts/model.ts";
import { statementsOf } from "./config/iam-statements.ts";
import type { Placed } from "./placed.ts";

const ACTION = /^(?:\*|[a-z][a-z0-9-]*:[A-Za-z*?]+)$/;
const POLICY = /^(?:arn:aws[\w-]*:iam::(?:\d{12}|aws):policy\/[\w+=,.@/-]+|[\w+=,.@-]+)$/;

/** `fail` gets a message where the value is none of these forms. */
export function readFactsPolicy(placed: Placed, fail: (message: string) => void): FactsPart {
  const policy = policyOf(placed);
  if (policy !== undefined)
    return { iamPolicies: [{ name: "", subject: "unknown", ...EMPTY, ...policy, at: placed.at }] };
  fail('"iamPolicy" must be the name or ARN of a policy, a policy document, or a list of actions');
  return {};
}

const EMPTY = { statements: [], managedPolicies: [], trustedProviders: [], trustedSubjects: [] };

function policyOf(placed: Placed): Partial<IamPolicyFact> | undefined {
  if (placed.isMap) return documentOf(placed);
  if (Array.isArray(placed.value)) return listed(placed.locatedTexts, placed);
  const text = placed.text?.trim() ?? "";
  if (text.startsWith("{")) {
    const { documents, errors } = placed.embedded("json");
    return errors.length > 0 || documents[0] === undefined ? undefined : documentOf(documents[0]);
  }
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  return listed(
    words.map((word) => ({ value: word, at: placed.at })),
    placed,
  );
}

function documentOf(document: Placed): Partial<IamPolicyFact> | undefined {
  const statement = document.get("Statement");
  const statements = statementsOf(statement);
  const count = statement.isMap ? 1 : statement.items().length;
  // A statement without an effect is a slip that must not read as "nothing allowed".
  return statements.length === 0 || statements.length < count ? undefined : { statements };
}

/** Actions and managed policies, mixed as they come. */
function listed(texts: readonly Located<string>[], placed: Placed): Partial<IamPolicyFact> | undefined {
  if (texts.length === 0 || !texts.every(({ value }) => ACTION.test(value) || POLICY.test(value))) return undefined;
  const actions = texts.filter(({ value }) => ACTION.test(value)).map(({ value }) => value);
  const managedPolicies = texts.filter(({ value }) => !ACTION.test(value));
  const statement: IamStatement = {
    effect: "Allow",
    actions,
    notActions: [],
    resources: ["*"],
    conditionKeys: [],
    at: placed.at,
  };
  return { statements: actions.length === 0 ? [] : [statement], managedPolicies };
}
