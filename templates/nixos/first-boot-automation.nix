# NixOS module for the first boot of a cluster node: installs the cluster-join script and its two
# units, the same files that every other image uses. Starts no cluster service itself.
{ config, lib, pkgs, ... }:
let
  cfg = config.services.first-boot-automation;
  clusterJoin = pkgs.runCommand "cluster-join"
    { nativeBuildInputs = [ pkgs.makeWrapper ]; meta.mainProgram = "cluster-join"; } ''
    install -D -m 755 ${../first-boot/cluster-join} $out/bin/cluster-join
    patchShebangs $out/bin
    wrapProgram $out/bin/cluster-join \
      --prefix PATH : ${lib.makeBinPath [ pkgs.coreutils pkgs.curl pkgs.jq ]}
  '';
  units = pkgs.runCommand "first-boot-units" { } ''
    mkdir -p $out/lib/systemd/system
    for unit in chainfire flaredb; do
      substitute ${../first-boot}/$unit-cluster-join.service \
        $out/lib/systemd/system/$unit-cluster-join.service \
        --replace-fail /usr/lib/first-boot/cluster-join ${lib.getExe clusterJoin} \
        --replace-fail /etc/nixos/secrets/cluster-config.json ${lib.escapeShellArg cfg.configFile}
    done
  '';
in
{
  options.services.first-boot-automation = {
    enable = lib.mkEnableOption "joining the Chainfire and FlareDB clusters at first boot";
    configFile = lib.mkOption {
      type = lib.types.path;
      default = "/etc/nixos/secrets/cluster-config.json";
      description = "The node's cluster-config.json. ca-cert.pem is read from the same directory.";
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.packages = [ units ];
    # NixOS does not read the [Install] section of packaged units.
    systemd.services.chainfire-cluster-join.wantedBy = [ "multi-user.target" ];
    systemd.services.flaredb-cluster-join.wantedBy = [ "multi-user.target" ];
  };
}
