# NixOS options of the cluster's services, for a site whose own modules do not bring them: ports, settings, and a unit that
# runs NAME-server with its settings as TOML. A site with modules of its own imports them in site/services.nix, which the flake takes in place of this file.
{ config, lib, pkgs, ... }:
let
  toml = pkgs.formats.toml { };

  port = default: lib.mkOption {
    type = lib.types.port;
    inherit default;
    description = "Port of this service.";
  };

  # The port matrix (runbook 3.4).
  ports = {
    chainfire = { port = port 2379; raftPort = port 2380; gossipPort = port 2381; };
    flaredb = { port = port 2479; raftPort = port 2480; };
    iam.port = port 8080;
    plasmavmc.port = port 9090;
    prismnet.port = port 9091;
    flashdns.port = port 53;
    fiberlb.port = port 9092;
    k8shost.port = port 10250;
  };

  serviceOptions = name: its: its // {
    enable = lib.mkEnableOption name;
    package = lib.mkOption {
      type = lib.types.nullOr lib.types.package;
      default = null;
      description = "The package with bin/${name}-server.";
    };
    settings = lib.mkOption {
      type = toml.type;
      default = { };
      description = "What the service reads, besides its ports. Secrets are paths of files on the node, as texts.";
    };
  };

  enabled = lib.filterAttrs (name: _: config.services.${name}.enable) ports;

  # As it is told to the service: gossip_port for gossipPort.
  written = { port = "port"; raftPort = "raft_port"; gossipPort = "gossip_port"; };
  file = name:
    let cfg = config.services.${name};
    in toml.generate "${name}.toml" (
      lib.mapAttrs' (option: _: lib.nameValuePair written.${option} cfg.${option}) ports.${name} // cfg.settings
    );
in
{
  options.services = lib.mapAttrs serviceOptions ports;

  config = {
    assertions = lib.mapAttrsToList
      (name: _: {
        assertion = config.services.${name}.package != null;
        message = "services.${name} has no package: set services.${name}.package in site/default.nix, or import the site's own module for it in site/services.nix";
      })
      enabled;

    environment.etc = lib.mapAttrs' (name: _: lib.nameValuePair "nixos/${name}.toml" { source = file name; }) enabled;

    systemd.services = lib.mapAttrs
      (name: _: {
        description = name;
        wantedBy = [ "multi-user.target" ];
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ] ++ lib.optional (name == "flaredb") "chainfire.service" ++ lib.optional (name == "iam") "flaredb.service";
        restartTriggers = [ (file name) ];
        serviceConfig = {
          ExecStart = "${config.services.${name}.package}/bin/${name}-server --config /etc/nixos/${name}.toml";
          Restart = "always";
          RestartSec = 2;
          StateDirectory = name;
          StateDirectoryMode = "0700";
          NoNewPrivileges = true;
          ProtectHome = true;
          PrivateTmp = true;
          LimitNOFILE = 65536;
        };
      })
      enabled;
  };
}
