/** hls.js as a page loads it; the one file of the tests that imports it. */
import text from "npm:hls.js@1.7.4/dist/hls.min.js" with { type: "text" };

export const HLS_JS: string = text;
