// A report of the discovery image as it arrives: of a machine with two disks, two cards and a BMC.

export const reportedMac = "52:54:00:12:34:99";

export function reportJson(changes: Readonly<Record<string, unknown>> = {}) {
  return {
    version: 1,
    bootMac: reportedMac,
    system: {
      vendor: "Dell Inc.",
      product: "PowerEdge R640",
      serial: "CZ1234567",
      uuid: "4c4c4544-0043-5a10-8031-b7c04f323334",
      biosVersion: "2.10.0",
    },
    firmware: "uefi",
    secureBoot: false,
    cpu: { model: "Intel(R) Xeon(R) Gold 6130", sockets: 2, cores: 32, threads: 64 },
    memoryBytes: 206_158_430_208,
    disks: [
      {
        name: "nvme0n1",
        byId: ["nvme-eui.0025385b71b00a11"],
        serial: "S4EVNX0N",
        wwn: "eui.0025385b71b00a11",
        sizeBytes: 1_920_383_410_176,
        model: "SAMSUNG MZ",
        rotational: false,
        removable: false,
        readOnly: true,
        transport: "nvme",
      },
      {
        name: "sda",
        byId: ["ata-INTEL_SSD_PHYS1"],
        serial: "PHYS1",
        wwn: "0x55cd2e4150000001",
        sizeBytes: 480_103_981_056,
        model: "INTEL SSD",
        rotational: false,
        removable: false,
        readOnly: true,
        transport: "sata",
      },
    ],
    nics: [
      {
        name: "eth0",
        mac: reportedMac,
        permanentMac: reportedMac,
        driver: "ixgbe",
        speedMbps: 10_000,
        link: true,
        neighbour: { chassis: "00:11:22:33:44:55", system: "leaf1", port: "Eth1/7", vlan: 100 },
      },
      { name: "eth1", mac: "52:54:01:12:34:99", driver: "ixgbe", link: false },
    ],
    bmc: { address: "10.0.10.77", mac: "52:54:02:12:34:99", firmware: "4.40" },
    ...changes,
  };
}
