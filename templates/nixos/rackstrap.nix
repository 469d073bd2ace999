# NixOS module of the provisioning server, with the options of `services.centra-pxe-server` for configurations that have
# them. The inventory is `settings`, or a file of the operator's. Secrets are in neither: they come from `environmentFile`, and from files.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.rackstrap;
  old = config.services.centra-pxe-server;
  yaml = pkgs.formats.yaml { };

  inventory = if cfg.inventoryFile != null then cfg.inventoryFile else yaml.generate "site.yaml" cfg.settings;
  server = cfg.settings.server or { };
  # What an installer is started with, and what nixos-anywhere needs.
  tools = with pkgs; [
    bash coreutils curl findutils gawk git gnugrep gnused gnutar gzip ipmitool nix openssh
  ];

  # What the inventory must have and the old options lack.
  required = [
    "site" "domain" "cluster.name" "server.address" "server.interface"
    "networks.provisioning.cidr" "networks.provisioning.gateway" "networks.provisioning.dns" "networks.provisioning.domain"
    "networks.production.cidr" "networks.production.gateway" "networks.production.dns"
    "networks.management.cidr" "install.flake"
  ];
  requiredOfNode = [ "mac" "profile" "provisioningAddress" "productionAddress" "bmc" "firmware" "disk" ];
  has = set: path: lib.hasAttrByPath (lib.splitString "." path) set;
  missing = lib.filter (path: !has cfg.settings path) required
    ++ lib.concatLists (lib.mapAttrsToList
      (name: node:
        let profile = (cfg.settings.profiles or { }).${node.profile or ""} or { };
        in map (key: "nodes.${name}.${key}") (lib.filter (key: !(node ? ${key} || profile ? ${key})) requiredOfNode))
      (cfg.settings.nodes or { }));

  octets = address: map lib.toInt (lib.splitString "." address);
  bitsOf = { "255" = 8; "254" = 7; "252" = 6; "248" = 5; "240" = 4; "224" = 3; "192" = 2; "128" = 1; "0" = 0; };
  # A mask has no one behind a zero: what follows an octet that is not full is 0.
  isMask = mask:
    let
      parts = lib.splitString "." mask;
      after = lib.foldl'
        (open: part: if open == null || !(bitsOf ? ${part}) || (!open && part != "0") then null else part == "255")
        true
        parts;
    in lib.length parts == 4 && after != null;
  prefixOf = mask: lib.foldl' (sum: part: sum + bitsOf.${part}) 0 (lib.splitString "." mask);
  broadcastOf = subnet: mask: lib.concatMapStringsSep "." toString
    (lib.zipListsWith (a: m: builtins.bitOr a (255 - m)) (octets subnet) (octets mask));

  text = description: lib.mkOption { type = lib.types.str; inherit description; };
  nodeOptions.options = {
    profile = text "Its profile; control-plane, worker and all-in-one are roles as well.";
    hostname = text "Its short name.";
    ipAddress = text "The address it is given while it is provisioned.";
  };
in
{
  options.services.rackstrap = {
    enable = lib.mkEnableOption "the provisioning server";

    package = lib.mkOption {
      type = lib.types.package;
      description = "The program: a package with bin/rackstrap.";
    };

    settings = lib.mkOption {
      type = yaml.type;
      default = { };
      description = "The inventory (docs/inventory.md). It becomes a file in the Nix store, which everybody can read: secrets are references such as `{ env = \"BMC_PASSWORD\"; }`.";
    };

    inventoryFile = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "/etc/rackstrap/site.yaml";
      description = "The inventory as a file of the operator's, in place of `settings`: the program can then write to it, as `accept` does.";
    };

    environmentFile = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "/run/secrets/rackstrap.env";
      description = "File on the server, outside the Nix store and with mode 0600, with the variables that secrets refer to.";
    };

    served = lib.mkOption {
      type = lib.types.attrsOf lib.types.str;
      default = lib.optionalAttrs (server ? interface && server ? address) { ${server.interface} = server.address; } // server.interfaces or { };
      defaultText = "as in settings.server";
      description = "The served interfaces with this server's address on each, for the firewall and the sockets.";
    };

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Open the ports of runbook 3.4 on the served interfaces.";
    };

    sockets = lib.mkEnableOption "handing the ports of DHCP and TFTP over, so that the server has no right to open any below 1024";
  };

  # The shape of the runbook (5.1).
  options.services.centra-pxe-server = {
    enable = lib.mkEnableOption "the provisioning server, by the options of the runbook";
    interface = text "The interface of the provisioning network.";
    serverAddress = text "This server's address there.";
    dhcp = {
      subnet = text "The network's own address.";
      netmask = text "Its mask.";
      broadcast = text "Its broadcast address.";
      range.start = text "First address for machines without a reservation.";
      range.end = text "Last address for machines without a reservation.";
      router = text "Its gateway.";
      domainNameServers = lib.mkOption {
        type = lib.types.listOf lib.types.str;
        description = "Name servers.";
      };
    };
    nodes = lib.mkOption {
      type = lib.types.attrsOf (lib.types.submodule nodeOptions);
      default = { };
      description = "The machines, by MAC.";
    };
  };

  config = lib.mkMerge [
    (lib.mkIf old.enable {
      assertions = [
        {
          assertion = isMask old.dhcp.netmask;
          message = "services.centra-pxe-server.dhcp.netmask is ${old.dhcp.netmask}, which is no mask: write one such as 255.255.255.0";
        }
        {
          assertion = !isMask old.dhcp.netmask || old.dhcp.broadcast == broadcastOf old.dhcp.subnet old.dhcp.netmask;
          message = "services.centra-pxe-server.dhcp.broadcast is ${old.dhcp.broadcast}, and that of ${old.dhcp.subnet} with the mask ${old.dhcp.netmask} is another: correct one of the three";
        }
        {
          assertion = lib.allUnique (lib.mapAttrsToList (_: node: node.hostname) old.nodes);
          message = "services.centra-pxe-server.nodes: two machines have the same hostname: give each its own";
        }
      ];

      services.rackstrap.enable = true;
      services.rackstrap.settings = {
        server = { address = old.serverAddress; interface = old.interface; };
        networks.provisioning = {
          cidr = "${old.dhcp.subnet}/${toString (prefixOf old.dhcp.netmask)}";
          gateway = old.dhcp.router;
          pool = { inherit (old.dhcp.range) start end; };
          dns = old.dhcp.domainNameServers;
        };
        install.flake = lib.mkDefault "/srv/provisioning";
        profiles = lib.genAttrs
          (lib.filter
            (name: lib.elem name [ "control-plane" "worker" "all-in-one" ])
            (lib.unique (lib.mapAttrsToList (_: node: node.profile) old.nodes)))
          (name: { role = lib.mkDefault name; });
        nodes = lib.mapAttrs'
          (mac: node: lib.nameValuePair node.hostname {
            inherit mac;
            inherit (node) profile;
            provisioningAddress = node.ipAddress;
          })
          old.nodes;
      };
    })

    (lib.mkIf cfg.enable {
      assertions = [
        {
          assertion = cfg.inventoryFile == null || cfg.settings == { };
          message = "services.rackstrap has settings and an inventoryFile: keep one of them";
        }
        {
          assertion = cfg.inventoryFile != null || missing == [ ];
          message = "services.rackstrap.settings lacks ${lib.concatStringsSep ", " missing}: set them there (docs/inventory.md)";
        }
        {
          assertion = cfg.served != { } || !(cfg.openFirewall || cfg.sockets);
          message = "services.rackstrap.served is empty: name the served interfaces with this server's address on each, as the inventory file has them";
        }
        {
          assertion = !lib.any (file: file != null && lib.hasPrefix builtins.storeDir file) [ cfg.environmentFile ];
          message = "services.rackstrap.environmentFile lies in the Nix store, which everybody can read: name a file of mode 0600 as a text";
        }
      ];

      users.users.rackstrap = { isSystemUser = true; group = "rackstrap"; home = "/var/lib/rackstrap"; };
      users.groups.rackstrap = { };
      environment.systemPackages = [ cfg.package ];
      systemd.tmpfiles.rules = [ "d ${server.assetDirectory or "/var/lib/pxe-boot"} 0755 rackstrap rackstrap -" ];

      networking.firewall.interfaces = lib.mkIf cfg.openFirewall (lib.mapAttrs
        (_: _: {
          # DHCP, TFTP; 4011 is asked by firmware that gets its address elsewhere.
          allowedUDPPorts = [ 67 68 69 4011 ];
          allowedTCPPorts = lib.unique [ 22 80 (server.httpPort or 8080) ];
        })
        cfg.served);

      systemd.sockets = lib.mkIf cfg.sockets (lib.concatMapAttrs
        (interface: address: {
          "rackstrap-dhcp-${interface}" = {
            description = "DHCP port of rackstrap on ${interface}";
            wantedBy = [ "sockets.target" ];
            socketConfig = {
              ListenDatagram = "0.0.0.0:67";
              BindToDevice = interface;
              Broadcast = true;
              FileDescriptorName = "dhcp";
              Service = "rackstrap.service";
            };
          };
          "rackstrap-tftp-${interface}" = {
            description = "TFTP port of rackstrap on ${address}";
            wantedBy = [ "sockets.target" ];
            socketConfig = {
              ListenDatagram = "${address}:69";
              FreeBind = true;
              FileDescriptorName = "tftp";
              Service = "rackstrap.service";
            };
          };
        })
        cfg.served);

      systemd.services.rackstrap = {
        description = "rackstrap provisioning server";
        wantedBy = [ "multi-user.target" ];
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ];
        path = tools;
        # Also after many starts that failed, such as while the clock was wrong.
        startLimitIntervalSec = 0;
        # For nix and ssh, which installs run.
        environment.HOME = "/var/lib/rackstrap";
        serviceConfig =
          let
            capabilities = lib.optional (!cfg.sockets) "CAP_NET_BIND_SERVICE" ++ [ "CAP_NET_RAW" ];
          in
          {
            ExecStart = "${cfg.package}/bin/rackstrap serve --inventory ${lib.escapeShellArg inventory}";
            ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
            EnvironmentFile = lib.mkIf (cfg.environmentFile != null) cfg.environmentFile;
            User = "rackstrap";
            Group = "rackstrap";
            StateDirectory = "rackstrap";
            StateDirectoryMode = "0700";
            Restart = "always";
            RestartSec = 1;
            # An install that is under way outlives the server, which finds it again.
            KillMode = "process";
            # One descriptor for each connection and transfer.
            LimitNOFILE = 16384;

            # Ports below 1024; questions by ARP and ICMP before an address is offered.
            AmbientCapabilities = capabilities;
            CapabilityBoundingSet = capabilities;
            NoNewPrivileges = true;
            ProtectSystem = "strict";
            ProtectHome = true;
            PrivateTmp = true;
            PrivateDevices = true;
            ProtectClock = true;
            ProtectControlGroups = true;
            ProtectHostname = true;
            ProtectKernelLogs = true;
            ProtectKernelModules = true;
            ProtectKernelTunables = true;
            RestrictAddressFamilies = [ "AF_INET" "AF_INET6" "AF_UNIX" "AF_NETLINK" "AF_PACKET" ];
            RestrictNamespaces = true;
            RestrictRealtime = true;
            RestrictSUIDSGID = true;
            LockPersonality = true;
            SystemCallArchitectures = "native";
            SystemCallFilter = [ "@system-service" ];
            SystemCallErrorNumber = "EPERM";
            UMask = "0077";
          };
      };
    })
  ];
}
