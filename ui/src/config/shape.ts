/** Types of the configuration as the page reads it. The engine validates. */

export type Secret = { keyring: string } | { env: string } | { file: string } | { plain: true };

export interface Match {
  domain?: string[];
  domain_suffix?: string[];
  domain_regex?: string[];
  ip?: string[];
  port?: (number | string)[];
  app?: string[];
  protocol?: string[];
  user?: string[];
}

export interface Rule {
  match: Match;
  use: string;
  /** When the upstream or group of `use` is down; absent: "none". */
  fallback?: 'none' | 'direct';
  /** Absent: true. */
  filter?: boolean;
  /** Absent: true. */
  resolve?: boolean;
  /** RFC 3339. */
  until?: string;
}

export interface Upstream {
  name: string;
  url: string;
  username?: string;
  password?: Secret;
  via?: string;
  isolate?: string;
  ca?: string;
}

export interface Group {
  name: string;
  policy: string;
  members: string[];
  check?: { url: string; interval: string; timeout: string };
}

export interface FilterList {
  name: string;
  source: string;
  format: string;
  enabled: boolean;
  refresh: string;
  /** How long a new list only counts; absent: it blocks at once. */
  probation?: string;
}

export interface Mode {
  route?: string;
  filter: boolean;
  headers: 'untouched' | 'reduced' | 'minimal';
  kill_switch: boolean;
  fallback: 'none' | 'direct';
  dns: string;
}

export interface Config {
  mode: string;
  modes: Record<string, Mode>;
  listen: {
    mixed: string[];
    socks: string[];
    http: string[];
    https?: string[];
    pac: string;
    allow_clients?: string[];
    users: { name: string; password: Secret }[];
    limits: {
      connections: number;
      connections_per_client: number;
      handshake_timeout: string;
      request_header_timeout: string;
      request_body_timeout: string;
      response_header_timeout: string;
      idle_timeout: string;
    };
  };
  upstream: Upstream[];
  group: Group[];
  rule: Rule[];
  filter: { allow: string[]; deny: string[]; list: FilterList[] };
  cache: { enabled: boolean; memory: string; disk: string; encrypt: boolean; shared: boolean };
  inspect: { enabled: boolean; hosts: string[]; except: string[] };
  scan: {
    enabled: boolean;
    rules: string[];
    clamd: string;
    icap: string;
    hold: 'small' | 'all';
    unscannable: 'block' | 'pass';
  };
  control: { http: string; metrics: string };
  log: { level: string; format: string; connections: string; requests: 'none' | 'memory' };
}

/** "direct" and the names of all upstreams and groups. */
export function waysOut(config: Config): string[] {
  const named = [...config.group, ...config.upstream].map((outbound) => outbound.name);
  return ['direct', ...named];
}
