export default class NodeMediaServer {
  constructor(config: unknown);
  run(): void;
}
