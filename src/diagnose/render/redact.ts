// Masks what should not leave the house in a report that people paste: account ids, ARNs, tokens and keys.

const ARN = /arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:[^\s"'`,)\]}]*/g;
const KEY_ID = /\b(?:AKIA|ASIA|AROA|AIDA|ANPA|AIPA)[A-Z0-9]{12,}\b/g;
const JSON_WEB_TOKEN = /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*/g;
const BEARER = /\b([Bb]earer)\s+[A-Za-z0-9._~+/=-]{8,}/g;
const NAMED_SECRET =
  /\b((?:aws_?)?(?:secret_?access_?key|session_?token|security_?token|password|x-amz-security-token)["']?\s*[=:]\s*["']?)[^\s"',;]{8,}/gi;
/** The encoded authorization message of UnauthorizedOperation can be decoded by anyone with the permission. */
const AUTHORIZATION_MESSAGE = /(Encoded authorization failure message:\s*)[A-Za-z0-9_+/=-]{16,}/gi;
const EKS_CLUSTER_HOST = /\b[0-9A-F]{32}(?=\.[a-z0-9-]+\.[a-z0-9-]+\.eks\.amazonaws\.com)/g;
const OIDC_ID = /(\/id\/)[0-9A-F]{32}\b/g;
/** Twelve digits alone: an account id. Longer numbers, times and addresses are not. */
const ACCOUNT = /(?<![\w.:-])\d{12}(?![\w]|[.:]\d)/g;
const REGISTRY_ACCOUNT = /\b\d{12}(?=\.dkr\.ecr\.)/g;

export function redact(text: string): string {
  return text
    .replace(
      ARN,
      (arn) => `arn:…:${arn.split(/[:/]/).length > 6 ? `${arn.split(":")[5]?.split("/")[0] ?? ""}/…` : "…"}`,
    )
    .replace(KEY_ID, (id) => `${id.slice(0, 4)}…`)
    .replace(JSON_WEB_TOKEN, "(token)")
    .replace(BEARER, "$1 (token)")
    .replace(NAMED_SECRET, "$1(secret)")
    .replace(AUTHORIZATION_MESSAGE, "$1(message)")
    .replace(EKS_CLUSTER_HOST, "(cluster)")
    .replace(OIDC_ID, "$1(id)")
    .replace(REGISTRY_ACCOUNT, "(account)")
    .replace(ACCOUNT, "(account)");
}
