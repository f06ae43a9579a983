#include "schema.h"

#include <stdlib.h>
#include <string.h>

/* One row a table: platforms, name, columns. After a name: ":i" integer, ":d" double, "^" hidden, "!" required in WHERE. */
static const struct schema_table tables[] = {
    { "account_policy_data", PLATFORM_MACOS,
      "uid:i creation_time:d failed_login_count:i failed_login_timestamp:d password_last_set_time:d" },
    { "alf", PLATFORM_MACOS,
      "allow_signed_enabled:i firewall_unload:i global_state:i logging_enabled:i logging_option:i "
      "stealth_enabled:i version" },
    { "apps", PLATFORM_MACOS,
      "name path bundle_executable bundle_identifier bundle_name bundle_short_version bundle_version "
      "bundle_package_type environment element compiler development_region display_name info_string "
      "minimum_system_version category applescript_enabled copyright last_opened_time:d" },
    { "apt_sources", PLATFORM_LINUX,
      "name source base_uri release version maintainer components architectures pid_with_namespace:i^" },
    { "augeas", PLATFORM_LINUX | PLATFORM_MACOS,
      "node value label path" },
    { "authorization_mechanisms", PLATFORM_MACOS,
      "label plugin mechanism privileged entry" },
    { "authorized_keys", PLATFORM_LINUX | PLATFORM_MACOS,
      "uid:i algorithm key options comment key_file pid_with_namespace:i^" },
    { "autoexec", PLATFORM_WINDOWS,
      "path name source" },
    { "battery", PLATFORM_MACOS | PLATFORM_WINDOWS,
      "manufacturer model serial_number cycle_count:i state charging:i charged:i designed_capacity:i "
      "max_capacity:i current_capacity:i percent_remaining:i amperage:i voltage:i minutes_until_empty:i "
      "minutes_to_full_charge:i chemistry^ health^ condition^ manufacture_date:i^" },
    { "bitlocker_info", PLATFORM_WINDOWS,
      "device_id drive_letter persistent_volume_id conversion_status:i protection_status:i encryption_method "
      "version:i percentage_encrypted:i lock_status:i" },
    { "block_devices", PLATFORM_LINUX | PLATFORM_MACOS,
      "name parent vendor model serial size:i block_size:i uuid type label" },
    { "certificates", PLATFORM_ANY,
      "common_name subject subject2 issuer issuer2 ca:i self_signed:i not_valid_before not_valid_after "
      "signing_algorithm key_algorithm key_strength key_usage subject_key_id authority_key_id sha1 path serial "
      "sid^ store_location^ store^ username^ store_id^" },
    { "chrome_extensions", PLATFORM_ANY,
      "browser_type uid:i name profile profile_path referenced_identifier identifier version description "
      "default_locale current_locale update_url author persistent:i path permissions permissions_json^ "
      "optional_permissions optional_permissions_json^ manifest_hash referenced:i from_webstore state "
      "install_time install_timestamp:i manifest_json^ key^" },
    { "deb_packages", PLATFORM_LINUX,
      "name version source size:i arch revision status maintainer section priority admindir "
      "pid_with_namespace:i^ mount_namespace_id^" },
    { "default_environment", PLATFORM_WINDOWS,
      "variable value expand:i" },
    { "deviceguard_status", PLATFORM_WINDOWS,
      "version instance_identifier vbs_status code_integrity_policy_enforcement_status "
      "configured_security_services running_security_services umci_policy_status" },
    { "disk_encryption", PLATFORM_LINUX | PLATFORM_MACOS,
      "name uuid encrypted:i type encryption_status uid^ user_uuid^ filevault_status^" },
    { "dns_resolvers", PLATFORM_LINUX | PLATFORM_MACOS,
      "id:i type address netmask options:i pid_with_namespace:i^" },
    { "docker_container_ports", PLATFORM_LINUX | PLATFORM_MACOS,
      "id type port:i host_ip host_port:i" },
    { "docker_containers", PLATFORM_LINUX | PLATFORM_MACOS,
      "id name image image_id command created:i state status pid:i path config_entrypoint started_at "
      "finished_at privileged:i security_options env_variables readonly_rootfs:i cgroup_namespace ipc_namespace "
      "mnt_namespace net_namespace pid_namespace user_namespace uts_namespace" },
    { "etc_hosts", PLATFORM_ANY,
      "address hostnames pid_with_namespace:i^" },
    { "file", PLATFORM_ANY,
      "path! directory! filename inode:i uid:i gid:i mode device:i size:i block_size:i atime:i mtime:i ctime:i "
      "btime:i hard_links:i symlink:i type symlink_target_path attributes^ volume_serial^ file_id^ "
      "file_version^ product_version^ original_filename^ shortcut_target_path^ shortcut_target_type^ "
      "shortcut_target_location^ shortcut_start_in^ shortcut_run^ shortcut_comment^ bsd_flags^ "
      "pid_with_namespace:i^ mount_namespace_id^" },
    { "firefox_addons", PLATFORM_ANY,
      "uid:i name identifier creator type version description source_url visible:i active:i disabled:i "
      "autoupdate:i location path" },
    { "gatekeeper", PLATFORM_MACOS,
      "assessments_enabled:i dev_id_enabled:i version opaque_version" },
    { "groups", PLATFORM_ANY,
      "gid:i gid_signed:i groupname group_sid^ comment^ is_hidden:i^ pid_with_namespace:i^" },
    { "homebrew_packages", PLATFORM_MACOS,
      "name path version type auto_updates:i app_name prefix^" },
    { "interface_addresses", PLATFORM_ANY,
      "interface address mask broadcast point_to_point type friendly_name^" },
    { "interface_details", PLATFORM_ANY,
      "interface mac type:i mtu:i metric:i flags:i ipackets:i opackets:i ibytes:i obytes:i ierrors:i oerrors:i "
      "idrops:i odrops:i collisions:i last_change:i link_speed:i pci_slot friendly_name^ description^ "
      "manufacturer^ connection_id^ connection_status^ enabled:i^ physical_adapter:i^ speed:i^ service^ "
      "dhcp_enabled:i^ dhcp_lease_expires^ dhcp_lease_obtained^ dhcp_server^ dns_domain^ "
      "dns_domain_suffix_search_order^ dns_host_name^ dns_server_search_order^" },
    { "iptables", PLATFORM_LINUX,
      "filter_name chain policy target protocol:i src_port dst_port src_ip src_mask iniface iniface_mask dst_ip "
      "dst_mask outiface outiface_mask match packets:i bytes:i" },
    { "kernel_info", PLATFORM_ANY,
      "version arguments path device" },
    { "kernel_modules", PLATFORM_LINUX,
      "name size:i used_by status address" },
    { "launchd", PLATFORM_MACOS,
      "path name label program run_at_load keep_alive on_demand disabled username groupname stdout_path "
      "stderr_path start_interval program_arguments watch_paths queue_directories inetd_compatibility "
      "start_on_mount root_directory working_directory process_type" },
    { "listening_ports", PLATFORM_ANY,
      "pid:i port:i protocol:i family:i address fd:i socket:i path net_namespace" },
    { "logged_in_users", PLATFORM_ANY,
      "type user tty host time:i pid:i sid^ registry_hive^" },
    { "logical_drives", PLATFORM_WINDOWS,
      "device_id type description free_space:i size:i file_system boot_partition:i" },
    { "logon_sessions", PLATFORM_WINDOWS,
      "logon_id:i user logon_domain authentication_package logon_type session_id:i logon_sid logon_time:i "
      "logon_server dns_domain_name upn logon_script profile_path home_directory home_directory_drive" },
    { "managed_policies", PLATFORM_MACOS,
      "domain uuid name value username manual:i" },
    { "mdfind", PLATFORM_MACOS,
      "path query!" },
    { "memory_info", PLATFORM_LINUX,
      "memory_total:i memory_free:i memory_available:i buffers:i cached:i swap_cached:i active:i inactive:i "
      "swap_total:i swap_free:i" },
    { "mounts", PLATFORM_LINUX | PLATFORM_MACOS,
      "device device_alias path type blocks_size:i blocks:i blocks_free:i blocks_available:i inodes:i "
      "inodes_free:i flags" },
    { "ntdomains", PLATFORM_WINDOWS,
      "name client_site_name dc_site_name dns_forest_name domain_controller_address domain_controller_name "
      "domain_name status" },
    { "os_version", PLATFORM_ANY,
      "name version major:i minor:i patch:i build platform platform_like codename arch extra^ install_date:i^ "
      "revision:i^ pid_with_namespace:i^ mount_namespace_id^" },
    { "osquery_flags", PLATFORM_ANY,
      "name type description default_value value shell_only:i" },
    { "osquery_info", PLATFORM_ANY,
      "pid:i uuid instance_id version config_hash config_valid:i extensions build_platform build_distro "
      "start_time:i watcher:i platform_mask:i" },
    { "osquery_schedule", PLATFORM_ANY,
      "name query interval:i executions:i last_executed:i denylisted:i output_size:i wall_time:i wall_time_ms:i "
      "last_wall_time_ms:i user_time:i last_user_time:i system_time:i last_system_time:i average_memory:i "
      "last_memory:i" },
    { "password_policy", PLATFORM_MACOS,
      "uid:i policy_identifier policy_content policy_description policy_category policy_parameters" },
    { "patches", PLATFORM_WINDOWS,
      "csname hotfix_id caption description fix_comments installed_by install_date installed_on" },
    { "platform_info", PLATFORM_ANY,
      "vendor version date revision extra firmware_type address size volume_size:i" },
    { "plist", PLATFORM_MACOS,
      "key subkey value path!" },
    { "preferences", PLATFORM_MACOS,
      "domain key subkey value forced:i username host" },
    { "processes", PLATFORM_ANY,
      "pid:i name path cmdline state cwd root uid:i gid:i euid:i egid:i suid:i sgid:i on_disk:i wired_size:i "
      "resident_size:i total_size:i user_time:i system_time:i disk_bytes_read:i disk_bytes_written:i "
      "start_time:i parent:i pgroup:i threads:i nice:i elevated_token:i^ secure_process:i^ protection_type^ "
      "virtual_process:i^ elapsed_time:i^ handle_count:i^ percent_processor_time:i^ upid:i^ uppid:i^ "
      "cpu_type:i^ cpu_subtype:i^ translated:i^ cgroup_path" },
    { "programs", PLATFORM_WINDOWS,
      "name version install_location install_source language publisher uninstall_string install_date "
      "identifying_number package_family_name upgrade_code" },
    { "registry", PLATFORM_WINDOWS,
      "key path name type data mtime:i" },
    { "rpm_packages", PLATFORM_LINUX,
      "name version release source size:i sha1 arch epoch:i install_time:i vendor package_group "
      "pid_with_namespace:i^ mount_namespace_id^" },
    { "running_apps", PLATFORM_MACOS,
      "pid:i bundle_identifier is_active:i^" },
    { "safari_extensions", PLATFORM_MACOS,
      "uid:i name identifier version sdk description path bundle_version copyright" },
    { "screenlock", PLATFORM_MACOS,
      "enabled:i grace_period:i" },
    { "secureboot", PLATFORM_ANY,
      "secure_boot:i secure_mode:i^ description^ kernel_extensions:i^ mdm_operations:i^ setup_mode:i" },
    { "security_profile_info", PLATFORM_WINDOWS,
      "minimum_password_age:i maximum_password_age:i minimum_password_length:i password_complexity:i "
      "password_history_size:i lockout_bad_count:i logon_to_change_password:i force_logoff_when_expire:i "
      "new_administrator_name new_guest_name clear_text_password:i lsa_anonymous_name_lookup:i "
      "enable_admin_account:i enable_guest_account:i audit_system_events:i audit_logon_events:i "
      "audit_object_access:i audit_privilege_use:i audit_policy_change:i audit_account_manage:i "
      "audit_process_tracking:i audit_ds_access:i audit_account_logon:i" },
    { "selinux_settings", PLATFORM_LINUX,
      "scope key value" },
    { "services", PLATFORM_WINDOWS,
      "name service_type display_name status pid:i start_type win32_exit_code:i service_exit_code:i path "
      "module_path description user_account" },
    { "shadow", PLATFORM_LINUX,
      "password_status hash_alg last_change:i min:i max:i warning:i inactive:i expire:i flag:i username" },
    { "sharing_preferences", PLATFORM_MACOS,
      "screen_sharing:i file_sharing:i printer_sharing:i remote_login:i remote_management:i "
      "remote_apple_events:i internet_sharing:i bluetooth_sharing:i disc_sharing:i content_caching:i" },
    { "sip_config", PLATFORM_MACOS,
      "config_flag enabled:i enabled_nvram:i" },
    { "startup_items", PLATFORM_ANY,
      "name path args type source status username" },
    { "system_controls", PLATFORM_LINUX | PLATFORM_MACOS,
      "name oid subsystem current_value config_value type field_name^" },
    { "system_extensions", PLATFORM_MACOS,
      "path UUID state identifier version category bundle_path team mdm_managed:i" },
    { "system_info", PLATFORM_ANY,
      "hostname uuid cpu_type cpu_subtype cpu_brand cpu_physical_cores:i cpu_logical_cores:i cpu_sockets:i "
      "cpu_microcode physical_memory:i hardware_vendor hardware_model hardware_version hardware_serial "
      "board_vendor board_model board_version board_serial computer_name local_hostname emulated_cpu_type^" },
    { "systemd_units", PLATFORM_LINUX,
      "id description load_state active_state sub_state unit_file_state following object_path job_id:i job_type "
      "job_path fragment_path user source_path" },
    { "time", PLATFORM_ANY,
      "weekday year:i month:i day:i hour:i minutes:i seconds:i timezone local_timezone unix_time:i timestamp "
      "datetime iso_8601 win_timestamp:i^" },
    { "tpm_info", PLATFORM_WINDOWS,
      "activated:i enabled:i owned:i manufacturer_version manufacturer_id:i manufacturer_name product_name "
      "physical_presence_version spec_version" },
    { "uptime", PLATFORM_ANY,
      "days:i hours:i minutes:i seconds:i total_seconds:i" },
    { "user_groups", PLATFORM_ANY,
      "uid:i gid:i" },
    { "user_ssh_keys", PLATFORM_ANY,
      "uid:i path encrypted:i key_type key_group_name key_length:i key_security_bits:i pid_with_namespace:i^" },
    { "users", PLATFORM_ANY,
      "uid:i gid:i uid_signed:i gid_signed:i username description directory shell uuid type^ is_hidden:i^ "
      "pid_with_namespace:i^ include_remote:i^" },
    { "vscode_extensions", PLATFORM_ANY,
      "name uuid version path publisher publisher_id installed_at:i prerelease:i uid:i vscode_edition" },
    { "windows_firewall_rules", PLATFORM_WINDOWS,
      "name app_name action enabled:i grouping direction protocol local_addresses remote_addresses local_ports "
      "remote_ports icmp_types_codes profile_domain:i profile_private:i profile_public:i service_name" },
    { "windows_security_center", PLATFORM_WINDOWS,
      "firewall autoupdate antivirus antispyware^ internet_settings windows_security_center_service "
      "user_account_control" },
    { "windows_security_products", PLATFORM_WINDOWS,
      "type name state state_timestamp remediation_path signatures_up_to_date:i" },
    { "windows_update_history", PLATFORM_WINDOWS,
      "client_app_id date:i description hresult:i operation result_code server_selection service_id support_url "
      "title update_id update_revision:i" },
    { "apparmor_profiles", PLATFORM_LINUX,
      "path name attach mode sha1 sha256" },
    { "sudoers", PLATFORM_LINUX | PLATFORM_MACOS,
      "source header rule_details" },
    { "shared_resources", PLATFORM_WINDOWS,
      "description install_date status allow_maximum:i maximum_allowed:i name path type:i type_name" },
    { "windows_optional_features", PLATFORM_WINDOWS,
      "name caption state:i statename" },
};
const struct schema_table *schema_find(const char *name, unsigned platform)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        if (strcmp(tables[i].name, name) == 0 && (tables[i].platforms & platform) != 0)
            return &tables[i];
    return NULL;
}

size_t schema_count(void)
{
    return sizeof tables / sizeof tables[0];
}

const struct schema_table *schema_at(size_t index)
{
    return &tables[index];
}
