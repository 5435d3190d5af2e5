// IAM in Terraform: what each role may do, from its own policies and those attached to it, as far as the file shows them.

import type { TextFrame } from "../../../../text/text-frame.ts";
import type { FactsPart, IamPolicyFact, IamStatement, Located } from "../../../facts/model.ts";
import type { Placed } from "../../placed.ts";
import { policyFact, subjectOf, trustOf } from "../iam-policy.ts";
import { statementsOf } from "../iam-statements.ts";
import { argument, type HclBlock } from "./hcl-module.ts";
import { documentsAt } from "./terraform-addons.ts";

export function readIam(blocks: readonly HclBlock[], file: TextFrame): FactsPart {
  const statements = (block: HclBlock): readonly IamStatement[] => {
    const reference = block.body.get("policy").text;
    const data = blocks.find((one) => one.kind === "data" && reference === one.address);
    if (data !== undefined) return dataStatements(data);
    return documentsAt(block.body.get("policy"), argument(block.value, "policy"), file).documents.flatMap((document) =>
      statementsOf(document.get("Statement")),
    );
  };
  const attachments = blocks.filter((block) => /^aws_iam_role_policy(?:_attachment)?$/.test(block.type));
  const policies = blocks.filter((block) => block.type === "aws_iam_policy");
  const used = new Set<HclBlock>();
  const facts: IamPolicyFact[] = [];
  for (const role of blocks.filter((block) => block.type === "aws_iam_role")) {
    const { address } = role;
    const names = [address, role.body.get("name").text];
    const mine = attachments.filter((one) => names.includes(one.body.get("role").text));
    const managed: Located<string>[] = role.body.get("managed_policy_arns").locatedTexts;
    const all: IamStatement[] = [];
    for (const one of mine) {
      used.add(one);
      const arn = one.body.get("policy_arn");
      const policy = policies.find((candidate) => arn.text === candidate.address);
      if (policy !== undefined) {
        used.add(policy);
        all.push(...statements(policy));
      } else if (arn.locatedText !== undefined) managed.push(arn.locatedText);
      if (one.type === "aws_iam_role_policy") all.push(...statements(one));
    }
    const trusts = documentsAt(role.body.get("assume_role_policy"), argument(role.value, "assume_role_policy"), file);
    const trust = trusts.documents
      .map((document) => trustOf(document.get("Statement")))
      .find((one) => one !== undefined);
    const name = role.body.get("name").text ?? address;
    facts.push({
      name,
      subject: subjectOf({ name, managedPolicies: managed, trust }),
      statements: all,
      managedPolicies: managed,
      trustedProviders: trust?.providers ?? [],
      trustedSubjects: trust?.subjects ?? [],
      at: role.body.at,
    });
  }
  for (const policy of [...policies, ...attachments]) {
    const own = used.has(policy) ? [] : statements(policy);
    if (own.length === 0) continue;
    const name = policy.body.get("name").text ?? policy.address;
    facts.push({ ...policyFact({ name, at: policy.body.at }), statements: own });
  }
  return { iamPolicies: facts };
}

/** `statement` blocks of aws_iam_policy_document. */
function dataStatements(block: HclBlock): IamStatement[] {
  const texts = (value: Placed): string[] => value.locatedTexts.map((one) => one.value);
  return block.body
    .get("statement")
    .items()
    .map((one) => ({
      effect: one.get("effect").text === "Deny" ? "Deny" : "Allow",
      actions: texts(one.get("actions")),
      notActions: texts(one.get("not_actions")),
      resources: texts(one.get("resources")),
      conditionKeys: one
        .get("condition")
        .items()
        .flatMap((condition) => condition.get("variable").text ?? []),
      at: one.at,
    }));
}
