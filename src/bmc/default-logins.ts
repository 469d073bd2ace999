// The passwords that BMCs leave the factory with, as their makers' manuals print them. A BMC that still has one is anybody's.

export interface DefaultLogin {
  readonly user: string;
  readonly password: string;
  /** Beginnings of the names that such boards say of their maker. */
  readonly makers: readonly string[];
}

export const defaultLogins: readonly DefaultLogin[] = [
  { user: "ADMIN", password: "ADMIN", makers: ["Supermicro"] },
  { user: "root", password: "calvin", makers: ["Dell"] },
  { user: "USERID", password: "PASSW0RD", makers: ["Lenovo", "IBM"] },
  { user: "admin", password: "admin", makers: ["ASRock", "ASUS", "Tyan", "AMI"] },
  { user: "admin", password: "password", makers: ["Gigabyte", "GIGABYTE", "Giga"] },
  { user: "root", password: "0penBmc", makers: ["OpenBMC", "IPMI forum"] },
  { user: "admin", password: "cmb9.admin", makers: ["Quanta"] },
  { user: "root", password: "superuser", makers: ["Intel"] },
  { user: "root", password: "changeme", makers: ["Oracle", "Sun"] },
  { user: "Administrator", password: "Admin@9000", makers: ["Huawei", "xFusion"] },
];

/** Whether a login is one that everybody knows. */
export function isDefaultLogin(user: string, password: string): boolean {
  return defaultLogins.some((known) => known.user === user && known.password === password);
}

/**
 * Which logins to try on a board of `maker`, the likeliest first. No user twice, and never `own`, which works or is refused
 * already: BMCs lock a user out after some wrong passwords.
 */
export function loginsToTry(
  maker: string | undefined,
  own: string,
  most: number,
): readonly DefaultLogin[] {
  const isMade = ({ makers }: DefaultLogin) => makers.some((name) => maker?.startsWith(name));
  const ordered = [
    ...defaultLogins.filter(isMade),
    ...defaultLogins.filter((login) => !isMade(login)),
  ];
  const users = new Set([own]);
  return ordered
    .filter(({ user }) => {
      const known = users.has(user);
      users.add(user);
      return !known;
    })
    .slice(0, most);
}
