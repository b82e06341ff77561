import { parseRtmpUrl, withoutConnectProof } from "../../rtmp/mod.ts";

/** RTMP clients follow no URL of another scheme. */
export function locate(redirect: string): string {
  parseRtmpUrl(redirect);
  return redirect;
}

/** The URL to connect by, at another server: as some clients put it into the tcUrl, some into the app. */
export function tcUrlAt(
  base: string,
  { app, tcUrl }: { readonly app: string; readonly tcUrl: string },
): string {
  const [, behind] = /^rtmp[a-z]*:\/\/[^/?]*\/*(.+)$/i.exec(tcUrl) ?? [];
  return `${base}/${withoutConnectProof(behind ?? app.replace(/^\/+/, ""))}`;
}

/** A name or URL without what may tell who somebody is. */
export function withoutQuery(text: string): string {
  return text.split("?", 1)[0]!;
}
