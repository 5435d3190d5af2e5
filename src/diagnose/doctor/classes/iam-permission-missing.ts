// EC2 refuses a call that the agent needs to grow its pool: the role's policy lacks the action.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import {
  actionsOf,
  countedDenials,
  DENIAL_NEEDS,
  denials,
  lackingDenials,
  policiesLacking,
  principalOf,
} from "../denied-calls.ts";
import { noteErrors, roleName, totalCount } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { times } from "../wording.ts";

export const failureClass = defineClass({
  id: "iam-permission-missing",
  title: "the CNI's role lacks an EC2 action",
  needs: [...DENIAL_NEEDS, "metrics", "iamPolicies"],
  lookAlikes: [],
  docs: {
    what: "EC2 refuses a call of the agent because no policy of its role allows the action.",
    why: "The node role or the service account's role lacks AmazonEKS_CNI_Policy or an action of it; hand-written policies grow old as the CNI calls more. The first ENI's addresses may work, growth does not. The same code with an explicit deny in the text is an organisation's rule; at an agent's start it keeps the whole node down.",
    next: "Attach AmazonEKS_CNI_Policy to the role in use (IPv6: a policy with ec2:AssignIpv6Addresses) and restart aws-node.",
    prevention: "A linter compares the role's policies with the actions that the CNI's version calls.",
    sources: ["https://github.com/aws/amazon-vpc-cni-k8s/issues/1791", "amazon-vpc-cni-k8s documentation: iam-policy"],
  },
  look(facts, notes) {
    const { whileGrowing, forbidden, atStartup } = denials(facts);
    const events = sightingsOf(facts, "missing-iam-event");
    const isElsewhere = whileGrowing.length === 0 && (forbidden.length > 0 || atStartup.length > 0);
    if (isElsewhere || (whileGrowing.length === 0 && events.length === 0)) return;
    noteErrors(notes, whileGrowing);
    notes.sign(...quotes(events, 2), ...countedDenials(facts).slice(0, 2));
    if (whileGrowing.length === 0) notes.seen(...events.map((one) => one.occurrences));
    const named = events.flatMap((one) => (one.captures.action === undefined ? [] : [`ec2:${one.captures.action}`]));
    const actions = [...new Set([...actionsOf(whileGrowing), ...named])];
    const principal = principalOf(whileGrowing);
    const role = roleName(principal) ?? "ROLE";
    notes.proof(
      "EC2 answered UnauthorizedOperation, and the action is named",
      actions.length === 0 ? undefined : [...quotes(whileGrowing, 1), ...quotes(events, 1)],
      {
        what: "the refused action",
        command: "sudo grep UnauthorizedOperation /var/log/aws-routed-eni/ipamd.log | tail -n 5",
      },
    );
    notes.proof(
      "no policy allows it, rather than one that denies it",
      [...lackingDenials(whileGrowing), ...policiesLacking(facts, actions)],
      {
        what: "the policies of the role, and the decoded refusal",
        command: `aws iam list-attached-role-policies --role-name ${role}; aws sts decode-authorization-message --encoded-message MESSAGE   # from the refusal's text`,
      },
    );
    const what = actions.length === 0 ? "a call of the CNI" : actions.join(", ");
    const who = principal === undefined ? "The CNI's role" : (roleName(principal) ?? principal);
    const count = totalCount(whileGrowing);
    notes.summary(
      `${who} is not allowed ${what}${count > 0 ? ` (refused ${times(count)})` : ""}: these calls of the agent fail until a policy allows them.`,
    );
    const isBounded = whileGrowing.some(({ message }) => message.includes("no permissions boundary allows"));
    if (isBounded) notes.fix(`Extend the permissions boundary of role ${role}: it allows less than the CNI needs`);
    notes.fix(
      `aws iam attach-role-policy --role-name ${role} --policy-arn arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy`,
      "kubectl -n kube-system rollout restart daemonset aws-node",
    );
  },
});
