// What was issued, for the API: the records of the store, and the CA in use.

import type { Ca } from "../pki/ca.ts";
import { fingerprintOf } from "../pki/chain.ts";
import type { CertificateStore } from "../pki/issued.ts";
import type { CertificatesView } from "./certificate-shapes.ts";

export function certificatesView(ca: Ca, store: CertificateStore): CertificatesView {
  const { certificate, alsoTrusted, about } = ca;
  const fingerprint = fingerprintOf(certificate);
  const trusted = [certificate, ...alsoTrusted].map(fingerprintOf);
  const named = new Set<string>();
  const certificates = store.certificates().map(({ caFingerprint, verified, ...record }) => {
    const latest = !named.has(record.node);
    named.add(record.node);
    return {
      ...{ ...record, latest, byAuthority: trusted.includes(caFingerprint) },
      ...(verified !== undefined && { verified }),
    };
  });
  return {
    authority: {
      ...{ subject: certificate.subject, fingerprint },
      ...{ source: about.source, key: about.key, encrypted: about.encrypted },
      notBeforeMs: certificate.notBefore.getTime(),
      notAfterMs: certificate.notAfter.getTime(),
    },
    certificates,
  };
}
