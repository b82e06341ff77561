import { ApiClient, ApiError } from "../../api/mod.ts";
import { ExitCode } from "../exit_code.ts";
import { readSecret } from "./read_secret.ts";

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
    console.error(`weir: ${error.message}`);
    return ExitCode.Failed;
  }
}
