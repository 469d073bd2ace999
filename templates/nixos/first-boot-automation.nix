# NixOS module for the first boot of a cluster node: installs the cluster-join script and the units of its layers, the same
# files that every other image uses. Starts no cluster service itself, and brings no configuration: an install does.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.first-boot-automation;
  everyLayer = [ "chainfire" "flaredb" ];

  clusterJoin = pkgs.runCommand "cluster-join"
    { nativeBuildInputs = [ pkgs.makeWrapper ]; meta.mainProgram = "cluster-join"; } ''
    install -D -m 755 ${../first-boot/cluster-join} $out/bin/cluster-join
    patchShebangs $out/bin
    wrapProgram $out/bin/cluster-join \
      --prefix PATH : ${lib.makeBinPath [ pkgs.coreutils pkgs.curl pkgs.jq ]}
  '';
  units = pkgs.runCommand "first-boot-units" { } ''
    mkdir -p $out/lib/systemd/system
    for unit in ${toString cfg.layers}; do
      substitute ${../first-boot}/$unit-cluster-join.service \
        $out/lib/systemd/system/$unit-cluster-join.service \
        --replace-fail /usr/lib/first-boot/cluster-join ${lib.getExe clusterJoin} \
        --replace-fail /etc/nixos/secrets/cluster-config.json ${lib.escapeShellArg cfg.configFile}
    done
  '';

  # A site's own modules may know no such options: then they are those of the port matrix.
  portsOf = layer: lib.optionalAttrs (config.services.${layer} ? raftPort) {
    API_PORT = toString config.services.${layer}.port;
    RAFT_PORT = toString config.services.${layer}.raftPort;
  };

  seconds = default: description: lib.mkOption {
    type = lib.types.ints.positive;
    inherit default description;
  };
in
{
  options.services.first-boot-automation = {
    enable = lib.mkEnableOption "forming or joining the cluster at boot, by NAME-cluster-join.service for each layer";

    configFile = lib.mkOption {
      type = lib.types.str;
      default = "/etc/nixos/secrets/cluster-config.json";
      description = "The node's cluster-config.json, on the node. ca-cert.pem is read from the same directory.";
    };

    layers = lib.mkOption {
      type = lib.types.listOf (lib.types.enum everyLayer);
      default = everyLayer;
      description = "The Raft layers that this node is a voter of.";
    };

    healthTimeoutSeconds = seconds 120 "How long the local service may take to answer that it is healthy.";
    joinTimeoutSeconds = seconds 300 "How long the leader is asked to add this node, with growing pauses.";
    voterTimeoutSeconds = seconds 300 "How long it may then take until this node is a voter.";
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = lib.hasPrefix "/" cfg.configFile && !lib.hasPrefix builtins.storeDir cfg.configFile;
        message = "services.first-boot-automation.configFile is ${cfg.configFile}: give the path that the file has on the node, as a text and outside the Nix store";
      }
    ] ++ map
      (layer: {
        assertion = config.services.${layer}.enable or false;
        message = "services.first-boot-automation waits for ${layer}, which this node does not run: set services.${layer}.enable, or take it out of layers";
      })
      cfg.layers;

    systemd.packages = [ units ];
    # NixOS does not read the [Install] section of packaged units.
    systemd.services = lib.listToAttrs (map
      (layer: lib.nameValuePair "${layer}-cluster-join" {
        wantedBy = [ "multi-user.target" ];
        environment = {
          HEALTH_TIMEOUT = toString cfg.healthTimeoutSeconds;
          JOIN_TIMEOUT = toString cfg.joinTimeoutSeconds;
          VOTER_TIMEOUT = toString cfg.voterTimeoutSeconds;
        } // portsOf layer;
      })
      cfg.layers);
  };
}
