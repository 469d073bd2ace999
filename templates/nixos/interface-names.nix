# NixOS module that gives network cards their names by MAC. With predictable names off the kernel counts them as it finds
# them: eth0 of one boot may be eth1 of the next.
{ config, lib, pkgs, ... }:
let
  names = config.rackstrap.interfaceNames;
in
{
  options.rackstrap.interfaceNames = lib.mkOption {
    type = lib.types.attrsOf (lib.types.strMatching "([0-9a-f]{2}:){5}[0-9a-f]{2}");
    default = { };
    example = { eth0 = "52:54:00:12:34:56"; };
    description = "The MAC of the card that has each name.";
  };

  config = lib.mkIf (names != { }) {
    # As udev finds a card. It gives no card a name that another one has: two cards that are to change their names keep them.
    systemd.network.links = lib.mapAttrs'
      (name: mac: lib.nameValuePair "10-${name}" {
        matchConfig.PermanentMACAddress = mac;
        linkConfig.Name = name;
      })
      names;

    # For those, before anything is set up on them.
    systemd.services.interface-names = {
      description = "Names of the network cards";
      wantedBy = [ "network-pre.target" ];
      before = [ "network-pre.target" ];
      wants = [ "systemd-udev-settle.service" ];
      after = [ "systemd-udev-settle.service" ];
      unitConfig.DefaultDependencies = false;
      path = [ pkgs.iproute2 pkgs.coreutils ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        # A restart would take the network from under the cluster.
        ExecStart = lib.concatStringsSep " " (
          [ "${pkgs.bash}/bin/bash" "${./interface-names.sh}" ]
          ++ lib.mapAttrsToList (name: mac: "${name}=${mac}") names
        );
      };
      restartIfChanged = false;
    };
  };
}
