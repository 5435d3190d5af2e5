// A policy denies the CNI's calls outright: a service control policy, a tag rule, a deny of one's own.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { actionsOf, DENIAL_NEEDS, denials, principalOf } from "../denied-calls.ts";
import { errorsWithCode, noteErrors, roleName, totalCount } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { setEnv, times } from "../wording.ts";

export const failureClass = defineClass({
  id: "scp-or-tag-policy-deny",
  title: "a policy denies the CNI's ENI calls",
  needs: [...DENIAL_NEEDS],
  lookAlikes: [],
  docs: {
    what: "EC2 refuses the CNI's calls because a policy denies them explicitly, whatever the role allows.",
    why: "Organisations deny creating ENIs without certain tags, or in certain regions or VPCs. The CNI tags ENIs at creation with its own tags and ADDITIONAL_ENI_TAGS only, and drops keys that contain k8s.amazonaws.com. Adding permissions to the role changes nothing: that is what tells it from a missing permission.",
    next: "Give the tags that the rule asks for in ADDITIONAL_ENI_TAGS, or exempt the CNI's role from it.",
    prevention: "A linter compares the required tags with ADDITIONAL_ENI_TAGS.",
    sources: [
      "https://github.com/aws/amazon-vpc-resource-controller-k8s/issues/71",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/297",
      "amazon-vpc-cni-k8s README: ADDITIONAL_ENI_TAGS",
    ],
  },
  look(facts, notes) {
    const { forbidden } = denials(facts);
    const tagging = sightingsOf(facts, "eni-tag-failed");
    const refusedTags = errorsWithCode(facts, "UnauthorizedOperation").filter((one) => one.api === "CreateTags");
    if (forbidden.length === 0 && (tagging.length === 0 || refusedTags.length === 0)) return;
    const errors = forbidden.length > 0 ? forbidden : refusedTags;
    noteErrors(notes, errors);
    notes.sign(...quotes(tagging, 1));
    const role = roleName(principalOf(errors)) ?? "ROLE";
    const actions = actionsOf(errors);
    notes.proof("a policy denies the call, or an organisation does not allow it", quotes(forbidden, 2), {
      what: "the decoded refusal: explicitDeny true, and the statement that denies",
      command:
        "aws sts decode-authorization-message --encoded-message MESSAGE --query DecodedMessage --output text   # from the refusal's text",
    });
    const kind = errors
      .map((one) => /(?:explicit deny in an?|because no) ([a-z -]+policy)/.exec(one.message)?.[1])
      .find((one) => one !== undefined);
    const policy = kind === undefined ? "a policy" : `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind}`;
    notes.summary(
      `${actions.length === 0 ? "A call of the CNI" : actions.join(", ")} is denied by ${policy} (${times(totalCount(errors))}): no permission of role ${role} can change that.`,
    );
    notes.fix(
      setEnv(`ADDITIONAL_ENI_TAGS='{"KEY":"VALUE"}'`, "where the rule asks for tags"),
      `Or exempt the role from the rule: a condition ArnNotLike aws:PrincipalArn arn:aws:iam::*:role/${role} on the statement that denies`,
      "kubectl -n kube-system rollout restart daemonset aws-node",
    );
  },
});
