// How an action refuses: it throws a `Refusal` before anything has changed, and `act` turns it into the error reply. The texts
// are those seen from EC2 (ec2-vpc.md 2.2); where EC2's wording is unknown, they say what is wrong in its manner.

export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;
  readonly httpStatus: number;

  constructor(code: string, message: string, httpStatus?: number) {
    super(message);
    this.code = code;
    this.httpStatus = httpStatus ?? httpStatusOf(code);
  }
}

/** Ends the call with this code and message; nothing has changed yet. */
export function refuse(code: string, message: string): never {
  throw new Refusal(code, message);
}

/** HTTP status of a code: ec2-vpc.md 2.2 and 6.3 (EC2 error list, read 2026-08); 400 unless listed. */
export function httpStatusOf(code: string): number {
  switch (code) {
    case "AuthFailure":
      return 401;
    case "UnauthorizedOperation":
      return 403;
    case "DryRunOperation":
      return 412;
    case "InternalError":
    case "InternalFailure":
    case "InsufficientInstanceCapacity":
      return 500;
    case "RequestLimitExceeded":
    case "Unavailable":
    case "ServiceUnavailable":
      return 503;
    default:
      return 400;
  }
}
