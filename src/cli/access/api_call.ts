import { ApiClient, ApiError } from "../../api/mod.ts";
import { ExitCode } from "../exit_code.ts";
import { readSecret } from "./read_secret.ts";

const WHERE_TOKENS_ARE =
  "it is what the server prints behind #token= as it starts, a line of its --api-token-file, or one of access.apiTokens";

/** Runs `act` with the API of a running server, whose token is asked for; says why where that fails. */
export async function callApi(
  url: string,
  act: (api: ApiClient) => Promise<void>,
): Promise<number> {
  const api = new ApiClient({ url, token: await readSecret("Token of the API") });
  try {
    await act(api);
    return ExitCode.Stopped;
  } catch (error) {
    if (!(error instanceof ApiError || error instanceof TypeError)) throw error;
    console.error(`weir: ${reasonOf(error)}`);
    return ExitCode.Failed;
  }
}

function reasonOf(error: ApiError | TypeError): string {
  if (error instanceof TypeError) {
    return `The API cannot be reached: is the server there, and is this its address of HTTP? (${error.message})`;
  }
  return error.status === 401 ? `${error.message}: ${WHERE_TOKENS_ARE}` : error.message;
}
