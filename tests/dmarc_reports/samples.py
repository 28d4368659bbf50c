"""Reports as reporters send them."""

from __future__ import annotations

import gzip

from mailhost.message.mime.encodings import encode_base64

NEW = b"""<?xml version="1.0" encoding="UTF-8"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0" xmlns:ext="urn:example:ext">
 <version>1.0</version>
 <report_metadata>
  <org_name>Far Mail</org_name>
  <email>dmarc@far.example</email>
  <report_id>one@far.example</report_id>
  <date_range><begin>1795564800</begin><end>1795651199</end></date_range>
  <generator>Reporter 1.2</generator>
 </report_metadata>
 <policy_published>
  <domain>example.org</domain><p>none</p><sp>quarantine</sp><np>reject</np>
  <adkim>s</adkim><testing>y</testing><discovery_method>treewalk</discovery_method>
 </policy_published>
 <extension><ext:more><domain>other.example</domain></ext:more></extension>
 <record>
  <row>
   <source_ip>192.0.2.25</source_ip><count>12</count>
   <policy_evaluated>
    <disposition>none</disposition><dkim>pass</dkim><spf>fail</spf>
    <reason><type>mailing_list</type><comment>list</comment></reason>
   </policy_evaluated>
  </row>
  <identifiers>
   <envelope_from>lists.far.example</envelope_from><header_from>Example.org</header_from>
  </identifiers>
  <auth_results>
   <dkim><domain>example.org</domain><selector>a1</selector><result>pass</result></dkim>
   <dkim><domain>far.example</domain><selector>b2</selector><result>fail</result></dkim>
   <spf><domain>lists.far.example</domain><scope>mfrom</scope><result>pass</result></spf>
  </auth_results>
  <ext:result><row><count>99</count></row></ext:result>
 </record>
</feedback>
"""
OLD = b"""<?xml version="1.0"?>
<feedback>
 <report_metadata>
  <org_name>old.example</org_name><email>a@old.example</email>
  <report_id>2</report_id>
  <date_range><begin>1795564800</begin><end>1795651199</end></date_range>
 </report_metadata>
 <policy_published>
  <domain>example.org</domain><adkim>r</adkim><aspf>s</aspf><p>reject</p><pct>100</pct>
 </policy_published>
 <record>
  <row>
   <source_ip>2001:DB8::1</source_ip><count>3</count>
   <policy_evaluated>
    <disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf>
   </policy_evaluated>
  </row>
  <identifiers><header_from>example.org</header_from></identifiers>
  <auth_results><spf><domain>bad.example</domain><result>softfail</result></spf></auth_results>
 </record>
</feedback>
"""


def message(attached: bytes, name: str = "r.xml.gz", kind: str = "application/gzip") -> bytes:
    """A message with a report."""
    header = (
        "From: dmarc@far.example\r\nTo: dmarc@example.org\r\nSubject: Report\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n'
        "--x\r\nContent-Type: text/plain\r\n\r\nThis is a report.\r\n"
        f'--x\r\nContent-Type: {kind}; name="{name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return header.encode() + encode_base64(attached) + b"\r\n--x--\r\n"


def gzipped(xml: bytes = NEW) -> bytes:
    """A message with a report in gzip."""
    return message(gzip.compress(xml))
