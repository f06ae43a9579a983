#include "fleet_tables.h"

#define DESKTOP "key=HKEY_USERS\\S-1-5-21-1004336348-1177238915-682003330-1001\\Control Panel\\Desktop|type=REG_SZ|"
#define PROFILES "key=HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\"
#define POLICIES "key=HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System|type=REG_DWORD|"
#define SERVER "key=HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server|type=REG_DWORD|"
#define AU "key=HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU|type=REG_DWORD|"
#define CENTER(firewall, autoupdate, antivirus, control) \
    "firewall=" firewall "|autoupdate=" autoupdate "|antivirus=" antivirus "|antispyware=Good|internet_settings=Good|" \
    "windows_security_center_service=Good|user_account_control=" control

/* A laptop with Windows 11 Pro, one person. Security Center has one row: it is composed of the four defects it shows. */
static const struct fleet_row rows[] = {
    { "os_version", 0, OS_UPDATES,
      "name=Microsoft Windows 11 Pro|version=10.0.26200|major=10|minor=0|patch=26200|build=26200|platform=windows|"
      "platform_like=windows|codename=Microsoft Windows 11 Pro|arch=64-bit|install_date=1735689600|revision=9400" },
    { "os_version", OS_UPDATES, 0,
      "name=Microsoft Windows 11 Pro|version=10.0.22621|major=10|minor=0|patch=22621|build=22621|platform=windows|"
      "platform_like=windows|codename=Microsoft Windows 11 Pro|arch=64-bit|install_date=1735689600|revision=1702" },
    { "system_info", 0, 0,
      "hostname={hostname}|uuid={uuid}|cpu_type=x86_64|cpu_subtype=-1|cpu_brand=13th Gen Intel(R) Core(TM) i7-1365U|"
      "cpu_physical_cores=10|cpu_logical_cores=12|cpu_sockets=1|physical_memory=17179869184|hardware_vendor=Dell Inc.|"
      "hardware_model={model}|hardware_version=-1|hardware_serial={serial}|board_vendor=Dell Inc.|board_model=|"
      "board_version=|board_serial=|computer_name={hostname}|local_hostname={hostname}" },
    { "osquery_info", 0, 0,
      "pid=4120|uuid={uuid}|instance_id={instance}|version=5.23.1|config_hash=|config_valid=1|extensions=inactive|"
      "build_platform=windows|build_distro=10|start_time={start}|watcher=4100|platform_mask=2" },
    { "platform_info", 0, 0,
      "vendor=Dell Inc.|version=1.28.0|date=2026-08-12|revision=1.28|firmware_type=uefi" },
    { "uptime", 0, 0, "days=1|hours=2|minutes=3|seconds=4|total_seconds={uptime}" },
    { "kernel_info", 0, 0, "version=10.0.26200.9400|arguments=|path=C:\\Windows\\System32\\ntoskrnl.exe|device=" },
    { "users", 0, 0,
      "uid=1001|gid=513|uid_signed=1001|gid_signed=513|username={user}|description=|directory=C:\\Users\\{user}|"
      "shell=C:\\Windows\\system32\\cmd.exe|uuid=S-1-5-21-1004336348-1177238915-682003330-1001|type=local" },
    { "bitlocker_info", 0, DISK_ENCRYPTION,
      "device_id=|drive_letter=C:|persistent_volume_id=|conversion_status=1|protection_status=1|"
      "encryption_method=XTS_AES_128|version=2|percentage_encrypted=100|lock_status=0" },
    { "bitlocker_info", DISK_ENCRYPTION, 0,
      "device_id=|drive_letter=C:|persistent_volume_id=|conversion_status=0|protection_status=0|"
      "encryption_method=None|version=0|percentage_encrypted=0|lock_status=0" },
    { "logical_drives", 0, 0,
      "device_id=C:|type=Unknown|description=Local Fixed Disk|free_space=300000000000|size=511000000000|"
      "file_system=NTFS|boot_partition=1" },
    { "windows_security_center", 0, FIREWALL | AUTOMATIC_UPDATES | ANTIVIRUS | USER_ACCOUNT_CONTROL,
      CENTER("Good", "Good", "Good", "Good") },
    { "windows_security_center", FIREWALL, AUTOMATIC_UPDATES | ANTIVIRUS | USER_ACCOUNT_CONTROL,
      CENTER("Poor", "Good", "Good", "Good") },
    { "windows_security_center", AUTOMATIC_UPDATES, FIREWALL | ANTIVIRUS | USER_ACCOUNT_CONTROL,
      CENTER("Good", "Poor", "Good", "Good") },
    { "windows_security_center", FIREWALL | AUTOMATIC_UPDATES, ANTIVIRUS | USER_ACCOUNT_CONTROL,
      CENTER("Poor", "Poor", "Good", "Good") },
    { "windows_security_center", ANTIVIRUS, FIREWALL | AUTOMATIC_UPDATES | USER_ACCOUNT_CONTROL,
      CENTER("Good", "Good", "Poor", "Good") },
    { "windows_security_center", FIREWALL | ANTIVIRUS, AUTOMATIC_UPDATES | USER_ACCOUNT_CONTROL,
      CENTER("Poor", "Good", "Poor", "Good") },
    { "windows_security_center", AUTOMATIC_UPDATES | ANTIVIRUS, FIREWALL | USER_ACCOUNT_CONTROL,
      CENTER("Good", "Poor", "Poor", "Good") },
    { "windows_security_center", FIREWALL | AUTOMATIC_UPDATES | ANTIVIRUS, USER_ACCOUNT_CONTROL,
      CENTER("Poor", "Poor", "Poor", "Good") },
    { "windows_security_center", USER_ACCOUNT_CONTROL, FIREWALL | AUTOMATIC_UPDATES | ANTIVIRUS,
      CENTER("Good", "Good", "Good", "Poor") },
    { "windows_security_center", USER_ACCOUNT_CONTROL | FIREWALL, AUTOMATIC_UPDATES | ANTIVIRUS,
      CENTER("Poor", "Good", "Good", "Poor") },
    { "windows_security_center", USER_ACCOUNT_CONTROL | AUTOMATIC_UPDATES, FIREWALL | ANTIVIRUS,
      CENTER("Good", "Poor", "Good", "Poor") },
    { "windows_security_center", USER_ACCOUNT_CONTROL | FIREWALL | AUTOMATIC_UPDATES, ANTIVIRUS,
      CENTER("Poor", "Poor", "Good", "Poor") },
    { "windows_security_center", USER_ACCOUNT_CONTROL | ANTIVIRUS, FIREWALL | AUTOMATIC_UPDATES,
      CENTER("Good", "Good", "Poor", "Poor") },
    { "windows_security_center", USER_ACCOUNT_CONTROL | FIREWALL | ANTIVIRUS, AUTOMATIC_UPDATES,
      CENTER("Poor", "Good", "Poor", "Poor") },
    { "windows_security_center", USER_ACCOUNT_CONTROL | AUTOMATIC_UPDATES | ANTIVIRUS, FIREWALL,
      CENTER("Good", "Poor", "Poor", "Poor") },
    { "windows_security_center", USER_ACCOUNT_CONTROL | FIREWALL | AUTOMATIC_UPDATES | ANTIVIRUS, 0,
      CENTER("Poor", "Poor", "Poor", "Poor") },
    { "windows_security_products", 0, ANTIVIRUS,
      "type=Antivirus|name=Microsoft Defender Antivirus|state=On|state_timestamp=NULL|remediation_path=windowsdefender://|"
      "signatures_up_to_date=1" },
    { "windows_security_products", ANTIVIRUS, 0,
      "type=Antivirus|name=Microsoft Defender Antivirus|state=Off|state_timestamp=NULL|"
      "remediation_path=windowsdefender://|signatures_up_to_date=0" },
    { "registry", 0, FIREWALL, PROFILES "DomainProfile|name=EnableFirewall|type=REG_DWORD|data=1" },
    { "registry", 0, FIREWALL, PROFILES "PublicProfile|name=EnableFirewall|type=REG_DWORD|data=1" },
    { "registry", 0, FIREWALL, PROFILES "StandardProfile|name=EnableFirewall|type=REG_DWORD|data=1" },
    { "registry", FIREWALL, 0, PROFILES "DomainProfile|name=EnableFirewall|type=REG_DWORD|data=0" },
    { "registry", FIREWALL, 0, PROFILES "PublicProfile|name=EnableFirewall|type=REG_DWORD|data=0" },
    { "registry", FIREWALL, 0, PROFILES "StandardProfile|name=EnableFirewall|type=REG_DWORD|data=0" },
    { "registry", 0, SCREEN_LOCK, POLICIES "name=InactivityTimeoutSecs|data=600" },
    { "registry", 0, SCREEN_LOCK, DESKTOP "name=ScreenSaveActive|data=1" },
    { "registry", 0, SCREEN_LOCK, DESKTOP "name=ScreenSaverIsSecure|data=1" },
    { "registry", 0, SCREEN_LOCK, DESKTOP "name=ScreenSaveTimeOut|data=600" },
    { "registry", 0, SCREEN_LOCK, DESKTOP "name=SCRNSAVE.EXE|data=C:\\Windows\\System32\\scrnsave.scr" },
    { "registry", SCREEN_LOCK, 0, DESKTOP "name=ScreenSaveActive|data=1" },
    { "registry", SCREEN_LOCK, 0, DESKTOP "name=ScreenSaverIsSecure|data=0" },
    { "registry", SCREEN_LOCK, 0, DESKTOP "name=ScreenSaveTimeOut|data=3600" },
    { "registry", SCREEN_LOCK, 0, DESKTOP "name=SCRNSAVE.EXE|data=C:\\Windows\\System32\\scrnsave.scr" },
    { "registry", 0, AUTOMATIC_UPDATES, AU "name=NoAutoUpdate|data=0" },
    { "registry", 0, AUTOMATIC_UPDATES, AU "name=AUOptions|data=4" },
    { "registry", AUTOMATIC_UPDATES, 0, AU "name=NoAutoUpdate|data=1" },
    { "registry", 0, REMOTE_LOGIN, SERVER "name=fDenyTSConnections|data=1" },
    { "registry", REMOTE_LOGIN, 0, SERVER "name=fDenyTSConnections|data=0" },
    { "registry", 0, USER_ACCOUNT_CONTROL, POLICIES "name=EnableLUA|data=1" },
    { "registry", 0, USER_ACCOUNT_CONTROL, POLICIES "name=ConsentPromptBehaviorAdmin|data=5" },
    { "registry", USER_ACCOUNT_CONTROL, 0, POLICIES "name=EnableLUA|data=0" },
    { "registry", USER_ACCOUNT_CONTROL, 0, POLICIES "name=ConsentPromptBehaviorAdmin|data=0" },
    { "registry", AUTOMATIC_LOGIN, 0,
      "key=HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon|name=AutoAdminLogon|"
      "type=REG_SZ|data=1" },
    { "registry", RESTART_PENDING, 0,
      "key=HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update|"
      "name=RebootRequired|type=subkey|data=" },
    { "services", 0, REMOTE_LOGIN,
      "name=sshd|service_type=OWN_PROCESS|display_name=OpenSSH SSH Server|status=STOPPED|pid=0|start_type=DISABLED" },
    { "services", REMOTE_LOGIN, 0,
      "name=sshd|service_type=OWN_PROCESS|display_name=OpenSSH SSH Server|status=RUNNING|pid=2200|start_type=AUTO_START" },
    { "services", 0, REMOTE_LOGIN,
      "name=TermService|service_type=SHARE_PROCESS|display_name=Remote Desktop Services|status=STOPPED|pid=0|"
      "start_type=DEMAND_START" },
    { "services", REMOTE_LOGIN, 0,
      "name=TermService|service_type=SHARE_PROCESS|display_name=Remote Desktop Services|status=RUNNING|pid=2300|"
      "start_type=AUTO_START" },
    { "services", 0, ANTIVIRUS,
      "name=CSFalconService|service_type=OWN_PROCESS|display_name=CrowdStrike Falcon Sensor Service|status=RUNNING|"
      "pid=2100|start_type=AUTO_START" },
    { "processes", 0, 0, "pid=4|name=System|path=|uid=0|parent=0" },
    { "listening_ports", 0, 0, "pid=4|port=135|protocol=6|family=2|address=0.0.0.0|fd=0|socket=0|path=" },
    { "listening_ports", REMOTE_LOGIN, 0, "pid=2300|port=3389|protocol=6|family=2|address=0.0.0.0|fd=0|socket=0|path=" },
    { "processes", REMOTE_LOGIN, 0, "pid=2300|name=svchost.exe|path=C:\\Windows\\System32\\svchost.exe|uid=0|parent=4" },
    { "listening_ports", DOCKER_EXPOSED, 0,
      "pid=2400|port=2375|protocol=6|family=2|address=0.0.0.0|fd=0|socket=0|path=" },
    { "processes", DOCKER_EXPOSED, 0, "pid=2400|name=dockerd.exe|path=C:\\Program Files\\Docker\\dockerd.exe|parent=4" },
    { "listening_ports", DATABASES_EXPOSED, 0,
      "pid=2500|port=5432|protocol=6|family=2|address=0.0.0.0|fd=0|socket=0|path=" },
    { "processes", DATABASES_EXPOSED, 0, "pid=2500|name=postgres.exe|path=C:\\pg\\postgres.exe|parent=4" },
    { "user_ssh_keys", 0, SSH_KEYS,
      "uid=1001|path=C:\\Users\\{user}\\.ssh\\id_ed25519|encrypted=1|key_type=|key_length=-1" },
    { "user_ssh_keys", SSH_KEYS, 0,
      "uid=1001|path=C:\\Users\\{user}\\.ssh\\id_ed25519|encrypted=0|key_type=|key_length=-1" },
    { "secureboot", 0, SECURE_BOOT, "secure_boot=1|setup_mode=0" },
    { "secureboot", SECURE_BOOT, 0, "secure_boot=0|setup_mode=0" },
    { "tpm_info", 0, TPM, "activated=1|enabled=1|owned=1|manufacturer_name=INTC|spec_version=2.0, 0, 1.59" },
    { "tpm_info", TPM, 0, "activated=0|enabled=0|owned=0|manufacturer_name=INTC|spec_version=2.0, 0, 1.59" },
    { "deviceguard_status", 0, 0,
      "version=1.0|vbs_status=VBS_ENABLED_AND_RUNNING|code_integrity_policy_enforcement_status=ENFORCED" },
    { "security_profile_info", 0, GUEST_ACCOUNT,
      "minimum_password_length=12|password_complexity=1|enable_admin_account=0|enable_guest_account=0" },
    { "security_profile_info", GUEST_ACCOUNT, 0,
      "minimum_password_length=12|password_complexity=1|enable_admin_account=0|enable_guest_account=1" },
    { "programs", 0, BROWSER, "name=Google Chrome|version=155.0.7791.42|publisher=Google LLC" },
    { "programs", BROWSER, 0, "name=Google Chrome|version=120.0.6099.71|publisher=Google LLC" },
    { "programs", 0, BROWSER, "name=Microsoft Edge|version=155.0.3900.21|publisher=Microsoft Corporation" },
    { "programs", BROWSER, 0, "name=Microsoft Edge|version=120.0.2210.61|publisher=Microsoft Corporation" },
    { "programs", 0, PASSWORD_MANAGER, "name=Bitwarden|version=2026.10.0|publisher=Bitwarden Inc." },
    { "shared_resources", 0, 0, "name=C$|description=Default share|path=C:\\|type=2147483648|type_name=Disk Drive Admin" },
    { "shared_resources", FILE_SHARING, 0, "name=Public|description=|path=C:\\Users\\Public|type=0|type_name=Disk Drive" },
    { "windows_optional_features", 0, FILE_SHARING, "name=SMB1Protocol|caption=SMB 1.0|state=2|statename=Disabled" },
    { "windows_optional_features", FILE_SHARING, 0, "name=SMB1Protocol|caption=SMB 1.0|state=1|statename=Enabled" },
    { "windows_update_history", 0, 0,
      "client_app_id=|date={start}|operation=Installation|result_code=Succeeded|title=Cumulative Update" },
};

const struct fleet_rows fleet_rows_windows = { rows, sizeof rows / sizeof rows[0] };
