/** The parser of playlists that tests compare with; the one file that imports it. */
export { parse, setOptions, types } from "npm:hls-parser@0.16.1";
