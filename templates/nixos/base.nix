# What every node has. Written by rackstrap generate; what the site adds or changes goes into site/default.nix, where
# each of these values may be set again.
{ lib, ... }:
{
  options.rackstrap = {
    profile = lib.mkOption {
      type = lib.types.str;
      description = "The node's profile in the inventory.";
    };
    role = lib.mkOption {
      type = lib.types.enum [ "control-plane" "worker" "all-in-one" ];
      description = "What the node is in the cluster.";
    };
  };

  config = {
    # Addresses are those of the inventory; no card asks for another.
    networking.useDHCP = lib.mkDefault false;

    # Keys alone, and from where the firewall of the node says.
    services.openssh = {
      enable = true;
      openFirewall = false;
      # An install brings this key, so that the node is known from its first boot.
      hostKeys = [
        {
          path = "/etc/ssh/ssh_host_ed25519_key";
          type = "ed25519";
        }
      ];
      settings = {
        PasswordAuthentication = false;
        KbdInteractiveAuthentication = false;
        PermitRootLogin = "prohibit-password";
        X11Forwarding = false;
      };
    };

    # Certificates and Raft leases need clocks that agree.
    services.timesyncd.enable = lib.mkDefault true;

    # Seven days of logs, which outlive a restart (runbook 10.5).
    services.journald.extraConfig = ''
      Storage=persistent
      MaxRetentionSec=7day
    '';

    # For `nixos-rebuild --flake`.
    nix.settings.experimental-features = [ "nix-command" "flakes" ];
  };
}
